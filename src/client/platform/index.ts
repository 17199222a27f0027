/** The local platform: Temporal and a cluster, with worker and detector, on this machine. */
export { labAvailability } from './availability';
export { type Check, diagnose } from './doctor';
export { takeDown } from './down';
export { holdPart, releasePart } from './parts';
export { type PlatformPaths, platformNames, platformPaths, shipped } from './paths';
export { type Platform, readPlatform } from './platform';
export { type Progress, showProgress } from './progress';
export { supervise } from './run';
export { leftovers } from './teardown';
export { findTool, type Tool } from './tools';
export { ensureUp, type UpOptions } from './up';
