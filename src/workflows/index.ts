export { governor } from './governor';
export { heal } from './healing/heal';
