// Measures Homeostat on a platform of its own: recovery over the floor, latencies, memory.
'use strict';
const os = require('node:os');
const Table = require('cli-table3');
const { median, quantile } = require('simple-statistics');
const { ensureUp, showProgress, takeDown } = require('../../dist/client/platform');
const { Cluster } = require('./cluster.js');
const { measureFloor, measureHomeostat } = require('./recovery.js');
const { measureIncidents } = require('./incidents.js');
const { measureDetectorMemory } = require('./memory.js');
const { measureIntake, measureStorm } = require('./alerts.js');

const name = 'bench';

/**
 * Runs every measurement.
 * @returns {Promise<{machine: object, results: {name: string, value: number, unit: string, goal: number, ok: boolean, samples: number}[]}>}
 *   every goal is an upper bound
 */
async function runBench({ short }) {
  const { progress, finish } = showProgress();
  const platform = await ensureUp({ name, progress });
  const cluster = await Cluster.connect(platform);
  try {
    const results = [];
    const measured = (what, value, unit, goal, samples) =>
      results.push({
        name: what,
        value: Number(value.toFixed(3)),
        unit,
        goal,
        ok: value <= goal,
        samples,
      });

    const rounds = short ? 3 : 7;
    const recovery = await recoveries(cluster, rounds, progress);
    const [floor, homeostat] = [median(recovery.floor), median(recovery.homeostat)];
    measured('recovery, bare script (the floor)', floor, 's', Number.POSITIVE_INFINITY, rounds);
    measured('recovery, Homeostat', homeostat, 's', Number.POSITIVE_INFINITY, rounds);
    measured('recovery over the floor', homeostat / floor, 'ratio', 1.1, rounds);
    measured('soak, shown apart', median(recovery.soak), 's', Number.POSITIVE_INFINITY, rounds);

    const count = short ? 40 : 200;
    progress(`measuring ${count} open incidents`);
    const incidents = await measureIncidents(cluster, platform, count, short ? 10 : 30);
    const p95 = (values) => quantile(values, 0.95);
    measured(
      'fault visible → heal started, p95',
      p95(incidents.started),
      'ms',
      300,
      incidents.started.length,
    );
    measured(
      'signal → request at the API server, p95',
      p95(incidents.acted),
      'ms',
      150,
      incidents.acted.length,
    );
    measured(`worker memory, ${count} open incidents`, incidents.workerMegabytes, 'MB', 300, 1);

    const pods = short ? 500 : 2_000;
    progress(`measuring the detector with ${pods} pods`);
    const megabytes = await measureDetectorMemory(cluster, platform, pods);
    measured(`detector memory, ${pods} pods of 9 KB`, megabytes, 'MB', 200, 1);

    progress('measuring alert intake');
    const intake = await measureIntake(platform, short ? 4 : 15);
    measured('alert intake, p95', intake.p95, 'ms', 100, intake.samples);
    measured('alert intake, rate', intake.rate, '/s', Number.POSITIVE_INFINITY, intake.samples);
    measured('bare server, rate', intake.bareRate, '/s', Number.POSITIVE_INFINITY, intake.samples);
    measured('rate as a share', intake.share, 'ratio', Number.POSITIVE_INFINITY, intake.samples);
    progress('measuring a storm of 10,000 alerts');
    const storm = await measureStorm(cluster, platform);
    measured("storm, the gateway's CPU", storm.cpu, 's', 60, 1);
    measured('storm, time', storm.seconds, 's', Number.POSITIVE_INFINITY, 1);
    measured('storm, incidents', storm.incidents, '', 1_000, 1);
    finish(true);
    return { machine: machine(), results };
  } finally {
    finish(false);
    await cluster.close();
    await takeDown(name);
  }
}

/** Floor and Homeostat in turn, so that both meet the same machine. */
async function recoveries(cluster, rounds, progress) {
  const samples = { floor: [], homeostat: [], soak: [] };
  for (let round = 1; round <= rounds; round += 1) {
    progress('measuring recoveries', round, rounds);
    samples.floor.push(await measureFloor(cluster, `floor-${round}`));
    const { recovered, soak } = await measureHomeostat(cluster, `homeostat-${round}`);
    samples.homeostat.push(recovered);
    samples.soak.push(soak);
  }
  return samples;
}

function machine() {
  const [cpu] = os.cpus();
  return {
    cpus: os.cpus().length,
    model: cpu?.model,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    node: process.version,
    at: new Date().toISOString(),
  };
}

function tableOf({ machine: on, results }) {
  const table = new Table({
    head: ['what', 'value', 'goal', 'met', 'samples'],
    style: { head: [] },
  });
  for (const { name: what, value, unit, goal, ok, samples } of results) {
    const bound = Number.isFinite(goal) ? `≤ ${goal} ${unit}` : '';
    table.push([what, `${value} ${unit}`, bound, bound ? (ok ? 'yes' : 'NO') : '', samples]);
  }
  return `${on.cpus} × ${on.model}, ${on.memoryGiB} GiB, ${on.kernel}, node ${on.node}\n${table.toString()}\n`;
}

module.exports = { runBench, tableOf };
