import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { bundleWorkflowCode, type WorkflowBundle } from '@temporalio/worker';

const root = path.resolve(__dirname, '../..');
const cache = path.join(root, 'node_modules', '.cache', 'homeostat-workflow-bundle');

/** Every workflow of the product. */
export const allWorkflows = path.join(root, 'src', 'workflows', 'index.ts');

const bundles = new Map<string, Promise<WorkflowBundle>>();

/** Bundles the workflows once, or takes an earlier run's bundle while no source has changed. */
export function workflowBundle(workflowsPath = allWorkflows): Promise<WorkflowBundle> {
  const bundle = bundles.get(workflowsPath) ?? cachedBundle(workflowsPath);
  bundles.set(workflowsPath, bundle);
  return bundle;
}

async function cachedBundle(workflowsPath: string): Promise<WorkflowBundle> {
  const file = path.join(cache, `${hashOfSources(workflowsPath)}.js`);
  if (fs.existsSync(file)) return { code: fs.readFileSync(file, 'utf8') };
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: quiet });
  fs.mkdirSync(cache, { recursive: true });
  // Two Jest workers may write at once: each renames a whole file into place.
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, code);
  fs.renameSync(draft, file);
  return { code };
}

function hashOfSources(workflowsPath: string): string {
  const hash = createHash('sha256').update(workflowsPath);
  const folders = ['src/workflows', 'src/model'].map((folder) => path.join(root, folder));
  const files = [
    ...folders.flatMap(filesUnder),
    workflowsPath,
    path.join(root, 'package-lock.json'),
  ];
  for (const file of files.sort()) hash.update(file).update(fs.readFileSync(file));
  return hash.digest('hex').slice(0, 32);
}

function filesUnder(folder: string): string[] {
  return fs
    .readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

const silent = () => undefined;

const quiet = {
  log: silent,
  trace: silent,
  debug: silent,
  info: silent,
  warn: (message: string) => process.stderr.write(`${message}\n`),
  error: (message: string) => process.stderr.write(`${message}\n`),
};
