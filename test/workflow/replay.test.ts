import fs from 'node:fs';
import path from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { Worker } from '@temporalio/worker';
import { workflowBundle } from '../support/workflow-bundle';

const folder = path.resolve(__dirname, '../histories');

const histories = fs
  .readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.json'));

describe('recorded histories replay', () => {
  test('there are some of every workflow', () => {
    expect([...new Set(histories.map((file) => path.dirname(file)))].sort()).toEqual([
      'governor',
      'heal',
    ]);
  });

  test.each(histories)('%s', async (file) => {
    const history = historyFromJSON(JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')));
    await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history, file);
  });
});
