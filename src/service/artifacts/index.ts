import type { ArtifactStore } from '../../model/artifacts';
import type { Breakers } from '../breaker';
import { createFolderStore } from './folder';
import type * as S3 from './s3';
import type { Bucket } from './s3';

/** Where evidence is kept: a bucket where one is named, else a folder. */
export interface ArtifactPlace {
  directory: string;
  s3?: Bucket;
}

/** A file system over a network may fall silent as a server may. */
const timeoutMs = 5_000;

/** The configured store behind its breaker. */
export function createArtifactStore(place: ArtifactPlace, breakers: Breakers): ArtifactStore {
  const breaker = breakers('artifacts', { timeoutMs });
  const store = openStore(place);
  return {
    put: (name, content) => breaker(() => store.put(name, content)),
    read: (uri) => breaker(() => store.read(uri)),
  };
}

/** The client of S3 is loaded only where a bucket is named: it is large. */
function openStore({ directory, s3 }: ArtifactPlace): ArtifactStore {
  if (!s3) return createFolderStore({ directory });
  const { createS3Store } = require('./s3') as typeof S3;
  return createS3Store(s3);
}
