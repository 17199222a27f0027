import type { Command } from 'commander';
import type * as Worker from '../../worker';
import { loadConfig } from '../config';
import type * as Detector from '../detector';
import type * as Gateway from '../gateway';

interface PartOptions {
  config?: string;
  name?: string;
}

/**
 * `homeostat worker`, `detector` and `gateway`: run one part in the foreground, until SIGTERM.
 * Each is loaded only when it runs, so that other commands start fast.
 */
export function registerPartCommands(program: Command): void {
  part(program, 'worker', 'run the worker, which carries out procedures').action(
    async (options: PartOptions) => {
      const { config } = load(options);
      const { runWorker } = require('../../worker') as typeof Worker;
      await runWorker(config);
      end();
    },
  );
  part(program, 'detector', 'run the detector, which watches the cluster for faults').action(
    async (options: PartOptions) => {
      const { config } = load(options);
      const { runDetector } = require('../detector') as typeof Detector;
      await runDetector(config);
      end();
    },
  );
  part(program, 'gateway', 'run the gateway, which takes alerts and serves the API').action(
    async (options: PartOptions) => {
      const { config } = load(options);
      const { runGateway } = require('../gateway') as typeof Gateway;
      await runGateway(config);
      end();
    },
  );
}

/** What an activity left behind, a timer or a connection, must not keep a part that was told to end. */
function end(): never {
  process.exit();
}

function part(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--config <file>', 'configuration (default: HOMEOSTAT_CONFIG, then ./homeostat.yaml)')
    .option('--name <platform>', 'local platform whose configuration is used');
}

function load({ config, name }: PartOptions) {
  return loadConfig({ file: config, platform: name });
}
