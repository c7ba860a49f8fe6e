// What a run of the fuzzer says: one line per target, its states below, and everything needed to repeat a failure.

import type { FuzzReport } from './fuzz.ts';

export function renderReport({ target, runs, ms, reached, missed, failure }: FuzzReport): string {
  const perSecond = Math.round(runs / (ms / 1000)).toLocaleString('en');
  const states = [...reached].sort(([, a], [, b]) => b - a);
  return [
    `${target.name} (${target.project}): ${runs.toLocaleString('en')} runs, ${perSecond}/s, ${states.length} states`,
    ...states.map(([state, visits]) => `  ${visits.toLocaleString('en').padStart(9)}  ${state}`),
    ...missed.map((state) => `  MISSED: ${state}`),
    ...(failure === undefined ? [] : renderFailure(target.name, failure.run, failure.what, failure.input)),
  ].join('\n');
}

function renderFailure(name: string, run: number, what: string, input: Uint8Array): string[] {
  const hex = Buffer.from(input).toString('hex');
  return [
    `  FAILED in run ${run}: ${what}`,
    ...hexDump(input).map((line) => `  ${line}`),
    `  again: npm run fuzz -- --target ${name} --input ${hex || "''"}`,
  ];
}

function hexDump(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Buffer.from(bytes.subarray(at, at + 16));
    const hex = row.toString('hex').replace(/../g, '$& ').padEnd(48);
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex} ${row.toString('latin1').replace(/[^ -~]/g, '.')}`);
  }
  return lines;
}
