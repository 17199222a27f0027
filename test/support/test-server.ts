import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Version of the Java time-skipping server that Maven serves. */
const version = '1.30.1';

/** `existing-path`: our own copy. `sdk`: the SDK finds its own download. `none`: not to be had here, and why. */
export type TestServer =
  | { kind: 'existing-path'; path: string }
  | { kind: 'sdk' }
  | { kind: 'none'; reason: string };

/** Finds the time-skipping server: our cached copy, the SDK's own download, then Maven. Done once a Jest run. */
export function findTestServer(): TestServer {
  const folder = path.join(cacheFolder(), `temporal-test-server-${version}`);
  const wrapper = path.join(folder, 'temporal-test-server');
  if (fs.existsSync(wrapper) && hasCommand('java')) return { kind: 'existing-path', path: wrapper };
  if (sdkCanDownload()) return { kind: 'sdk' };
  const missing = missingCommands(['java', 'mvn']);
  if (missing) return { kind: 'none', reason: missing };
  try {
    if (!fs.existsSync(wrapper)) buildFromMaven(folder);
    return { kind: 'existing-path', path: wrapper };
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return { kind: 'none', reason: `Temporal's test server could not be fetched: ${why}` };
  }
}

/** Where fetched and compiled things are kept, one folder a user. */
export function cacheFolder(): string {
  const { HOMEOSTAT_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  return (
    HOMEOSTAT_CACHE_DIR ??
    path.join(XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'homeostat')
  );
}

/** The SDK's download cannot be cancelled, so it is tried in a process that can be ended. */
function sdkCanDownload(): boolean {
  const script = `
    require('@temporalio/testing').TestWorkflowEnvironment.createTimeSkipping()
      .then((env) => env.teardown())
      .catch(() => process.exit(1));`;
  const { status } = spawnSync(process.execPath, ['-e', script], {
    timeout: 10_000,
    stdio: 'ignore',
  });
  return status === 0;
}

const packageOf = { java: 'default-jre-headless', mvn: 'maven' } as const;

/** Installs what is missing where it may; otherwise says what is missing and how it is mended. */
function missingCommands(commands: (keyof typeof packageOf)[]): string | undefined {
  const absent = commands.filter((command) => !hasCommand(command));
  if (absent.length === 0) return undefined;
  const packages = absent.map((command) => packageOf[command]);
  const mend = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() === 0 && hasCommand('apt-get')) {
    process.stderr.write(`homeostat: installing for the workflow tests: ${mend}\n`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const { status } = spawnSync('sh', ['-c', `apt-get update -qq; ${mend}`], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status === 0) return undefined;
  }
  return `Temporal's test server cannot be downloaded, and ${absent.join(' and ')} to build it from Maven is missing (${mend})`;
}

function hasCommand(command: string): boolean {
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .some((folder) => fs.existsSync(path.join(folder, command)));
}

/** Built beside its final place and renamed, so that an interrupted build leaves nothing half made. */
function buildFromMaven(folder: string): void {
  process.stderr.write(`homeostat: fetching Temporal's test server ${version} with Maven (once)\n`);
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  const work = fs.mkdtempSync(`${folder}.`);
  try {
    fs.writeFileSync(path.join(work, 'pom.xml'), pom());
    execFileSync(
      'mvn',
      [
        '-B',
        '-q',
        'dependency:copy-dependencies',
        '-DoutputDirectory=lib',
        '-DincludeScope=runtime',
      ],
      { cwd: work, stdio: ['ignore', 2, 2], timeout: 300_000 },
    );
    fs.writeFileSync(path.join(work, 'temporal-test-server'), wrapperScript, { mode: 0o755 });
    // A folder without the wrapper is what an older, broken build left; one with it is another run's success.
    if (!fs.existsSync(path.join(folder, 'temporal-test-server'))) {
      fs.rmSync(folder, { recursive: true, force: true });
      fs.renameSync(work, folder);
    }
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

const wrapperScript = `#!/bin/sh
exec java -cp "$(dirname "$0")/lib/*" io.temporal.testserver.TestServer "$@"
`;

function pom(): string {
  const coordinates = (group: string, artifact: string) =>
    `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  ${coordinates('dev.homeostat', 'test-server')}
  <packaging>pom</packaging>
  <dependencies>
    <dependency>${coordinates('io.temporal', 'temporal-test-server')}</dependency>
  </dependencies>
</project>
`;
}
