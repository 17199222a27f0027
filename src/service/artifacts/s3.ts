import {
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import type { ArtifactStore } from '../../model/artifacts';
import { messageOf, unreachable } from '../../model/errors';
import type { EvidenceRef } from '../../model/procedure';
import { bounded, nameWithin, notInStore, referenceTo } from './artifact';

/** A bucket of AWS, or of anything that speaks its protocol. Credentials come from the SDK's default chain. */
export interface Bucket {
  bucket: string;
  region: string;
  /** URL of a server that is not AWS. */
  endpoint?: string;
  /** Goes before every key. */
  prefix?: string;
  /** The bucket stands in the path of the URL and not in its host name. */
  forcePathStyle?: boolean;
}

const connectTimeoutMs = 1_000;
const answerTimeoutMs = 3_000;

/** A store in a bucket; a reference is the key without the prefix. */
export function createS3Store({ bucket, prefix = '', ...place }: Bucket): ArtifactStore {
  const client = new S3Client({ ...place, ...patience });
  const where = `bucket ${bucket}${place.endpoint ? ` at ${place.endpoint}` : ''}`;
  const keyOf = (name: string) => `${prefix}${nameWithin(name)}`;

  async function put(name: string, content: string): Promise<EvidenceRef> {
    const uri = nameWithin(name);
    const bytes = bounded(content);
    try {
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: keyOf(uri),
          Body: bytes,
          // Whatever a log holds, no browser is to take it for a page.
          ContentType: 'text/plain; charset=utf-8',
        }),
      );
    } catch (error) {
      throw away(where, error);
    }
    return referenceTo(uri, bytes);
  }

  async function read(uri: string): Promise<Buffer> {
    const key = keyOf(uri);
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    } catch (error) {
      throw error instanceof NoSuchKey ? notInStore(uri) : away(where, error);
    }
  }

  return { put, read };
}

/** The activity is repeated anyway, so that a call need not be for long. */
const patience = {
  maxAttempts: 2,
  requestHandler: {
    connectionTimeout: connectTimeoutMs,
    requestTimeout: answerTimeoutMs,
    throwOnRequestTimeout: true,
  },
} satisfies S3ClientConfig;

function away(where: string, error: unknown) {
  return unreachable(
    `${where} (${messageOf(error)})`,
    'see that the server answers, that the bucket exists, and that AWS_* or the files it names give credentials for it',
    error,
  );
}
