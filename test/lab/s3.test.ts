import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Registry } from 'prom-client';
import { SystemAway } from '../../src/model/errors';
import { createArtifactStore } from '../../src/service/artifacts';
import type { Bucket } from '../../src/service/artifacts/s3';
import { createBreakers } from '../../src/service/breaker';
import { describeLab } from '../support/lab';
import { credentials, S3Server } from '../support/s3-server';

const building = 20 * 60_000;

/** The store in a bucket, on a real server that speaks S3. */
describeLab('artifacts in S3', () => {
  let server: S3Server;
  let place: Bucket;

  beforeAll(async () => {
    Object.assign(process.env, credentials);
    server = await S3Server.start();
    await server.createBucket('evidence');
    place = {
      bucket: 'evidence',
      prefix: 'homeostat/',
      region: 'us-east-1',
      endpoint: server.endpoint,
      forcePathStyle: true,
    };
  }, building);

  afterAll(async () => {
    for (const name of Object.keys(credentials)) delete process.env[name];
    await server?.stop();
  });

  const open = (more: Partial<Bucket> = {}) => {
    const s3 = { ...place, ...more };
    return createArtifactStore({ directory: '', s3 }, createBreakers(new Registry()));
  };

  test('gives back what was put, by a reference that proves it', async () => {
    const store = open();
    const reference = await store.put('heal_web/run/start/owner.yaml', 'kind: Deployment ✓\n');
    expect(reference).toEqual({
      name: 'owner.yaml',
      uri: 'heal_web/run/start/owner.yaml',
      digest: createHash('sha256').update('kind: Deployment ✓\n').digest('hex'),
      bytes: 21,
    });
    expect((await store.read(reference.uri)).toString()).toBe('kind: Deployment ✓\n');
    const kept = path.join(server.bucketFolder('evidence'), 'homeostat', reference.uri);
    expect(await readFile(kept, 'utf8')).toBe('kind: Deployment ✓\n');
  });

  test('putting again replaces', async () => {
    const store = open();
    await store.put('a/run/start/x.txt', 'one');
    await store.put('a/run/start/x.txt', 'two');
    expect((await store.read('a/run/start/x.txt')).toString()).toBe('two');
  });

  test('says that a reference leads nowhere, or out of the store', async () => {
    await expect(open().read('none')).rejects.toMatchObject({ code: 'bad-input' });
    await expect(open().read('../x')).rejects.toMatchObject({ code: 'bad-input' });
  });

  test('a bucket that is not there is named, with what mends it', async () => {
    await expect(open({ bucket: 'elsewhere' }).put('a/b', 'x')).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/bucket elsewhere at http.*that the bucket exists/),
    });
  });

  test('a server that is away opens the breaker, and closes it when it is back', async () => {
    const store = open();
    await server.stop();
    try {
      for (let i = 0; i < 5; i++) {
        await expect(store.put('a/b', 'x')).rejects.toMatchObject({ code: 'unreachable' });
      }
      await expect(store.put('a/b', 'x')).rejects.toBeInstanceOf(SystemAway);
    } finally {
      await server.start();
    }
    await expect(eventually(() => store.put('a/b', 'x'))).resolves.toMatchObject({ bytes: 1 });
  });
});

async function eventually<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
