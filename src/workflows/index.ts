export { governor } from './governor';
export { heal } from './healing/heal';
export { notifier } from './notifier';
