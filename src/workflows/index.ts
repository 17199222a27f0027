export { governor } from './governor';
export { heal } from './healing/heal';
export { notifier } from './notifier';
export { unmatchedAlerts } from './unmatched-alerts';
