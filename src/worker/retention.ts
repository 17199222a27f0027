import { messageOf } from '../model/errors';
import type { ArtifactPlace } from '../service/artifacts';
import { pruneFolder } from '../service/artifacts/folder';
import type { Logger } from '../service/log';

const everyMs = 3_600_000;

/**
 * Removes evidence that is older than its retention, now and once an hour; a bucket has a lifecycle rule for that.
 * @returns what ends it.
 */
export function startRetention(
  { directory, s3, retention }: ArtifactPlace & { retention: number },
  log: Logger,
): () => void {
  if (s3) return () => undefined;
  const prune = async () => {
    try {
      const removed = await pruneFolder(directory, Date.now() - retention);
      if (removed > 0) log.info({ removed }, 'removed old evidence');
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'old evidence could not be removed');
    }
  };
  void prune();
  const timer = setInterval(() => void prune(), everyMs);
  return () => clearInterval(timer);
}
