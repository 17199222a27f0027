import { existsSync, rmdirSync } from 'node:fs';
import { type PlatformPaths, platformPaths, stateRoot } from './paths';
import { leftovers, teardown } from './teardown';
import { withPlatformLock } from './up';

/** Takes a platform down and removes all it left; false when there was nothing. */
export async function takeDown(name = 'default'): Promise<boolean> {
  const paths: PlatformPaths = platformPaths(name);
  return withPlatformLock(async () => {
    if (!existsSync(paths.state) && leftovers(paths).length === 0) return false;
    await teardown(paths);
    try {
      rmdirSync(stateRoot());
    } catch {
      // Other platforms live there.
    }
    return true;
  });
}
