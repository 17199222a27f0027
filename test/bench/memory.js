// The detector's memory while it watches many pods of a usual size.
'use strict';
const { setTimeout: sleep } = require('node:timers/promises');
const { createUnscheduled, residentMegabytes } = require('./incidents.js');

const atOnce = 20;
const padding = { 'bench/padding': 'x'.repeat(8_000) };

async function measureDetectorMemory(cluster, platform, pods) {
  for (let first = 0; first < pods; first += atOnce) {
    const batch = Array.from(
      { length: Math.min(atOnce, pods - first) },
      (_, offset) => `pod-${first + offset}`,
    );
    await Promise.all(batch.map((name) => createUnscheduled(cluster, name, padding)));
  }
  // A look after everything has been seen and collected.
  await sleep(5_000);
  const megabytes = residentMegabytes(platform.name, 'detector');
  await cluster.core.deleteCollectionNamespacedPod({ namespace: cluster.namespace });
  return megabytes;
}

module.exports = { measureDetectorMemory };
