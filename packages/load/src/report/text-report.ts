import { bitrateText, countText, msText, percentText } from './format.ts';
import { delayName, type Report, type Spread, type StepReport } from './report.ts';

/** A report as it is printed: a block a step, then the verdict. */
export function textReport(report: Report): string {
  const { target } = report;
  const what =
    target.kind === 'own'
      ? 'a Shardcast server of its own on this machine'
      : `${target.whep}${target.publish === null ? '' : `, published to ${target.publish}`}`;
  const verdict = report.interrupted
    ? 'interrupted: what was measured until then'
    : report.passed
      ? 'within the limits'
      : report.problems.map((problem) => `! ${problem}`).join('\n');
  return [`shardcast bench: ${what}`, ...report.steps.map(stepText), verdict].join('\n\n');
}

function stepText(step: StepReport): string {
  const rows = stepRows(step);
  const width = Math.max(...rows.map(([name]) => name.length));
  return [step.name, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join('\n');
}

/** What is said of a step, in words. */
export function stepRows(step: StepReport): readonly (readonly [name: string, value: string])[] {
  const { server, ramp, delayKind, joinMs, generator, jitterMs } = step;
  const rows: [string, string][] = [
    [
      'viewers',
      `${step.joined} of ${step.viewers} joined${step.silentViewers > 0 ? `, ${step.silentViewers} got nothing, or nothing any more` : ''}`,
    ],
  ];
  for (const { reason, count } of step.failures) rows.push(['failed', `${count}: ${reason}`]);
  if (step.joined === 0) return rows;
  rows.push(
    [
      'received',
      `${countText(step.packets)} packets in ${step.seconds.toFixed(1)} s: ${countText(step.packetsPerSecond)}/s, ${bitrateText(step.bitrateBps)}`,
    ],
    [
      'lost',
      `${countText(step.lost)} (${percentText(step.lossPercent)}), ${countText(step.reordered)} reordered, ${countText(step.duplicated)} doubled`,
    ],
    [delayKind === 'latency' ? 'frame latency' : delayName(delayKind), spreadText(step.delayMs)],
    ['jitter', `mean ${msText(jitterMs.mean)}, worst viewer ${msText(jitterMs.max)}`],
    ['time to answer', spreadText(joinMs.answer)],
    ['to connection', spreadText(joinMs.connected)],
    ['to first packet', spreadText(joinMs.firstPacket)],
    ['to first keyframe', spreadText(joinMs.firstKeyframe)],
  );
  if (step.bad > 0) rows.push(['wrong content', `${countText(step.bad)} packets`]);
  if (server !== null) {
    const { cpuMicrosecondsPerPacket, cpuPercent, residentBytes } = server;
    const memory = `${(residentBytes / 2 ** 20).toFixed(0)} MiB`;
    rows.push([
      'server',
      `${cpuMicrosecondsPerPacket.toFixed(2)} us CPU a packet, ${cpuPercent.toFixed(0)} % of a processor, ${memory}`,
    ]);
  }
  rows.push([
    'this command',
    `${generator.cpuPercent.toFixed(0)} % of a processor, late by ${msText(generator.lagMs)} at most (p99)`,
  ]);
  if (ramp !== null) {
    const end = ramp.endedBy === null ? '' : `; more have ${ramp.endedBy}`;
    rows.push(['held', `${ramp.heldViewers} viewers${end}`]);
  }
  return rows;
}

function spreadText(spread: Spread | null): string {
  if (spread === null) return 'not measured';
  return `p50 ${msText(spread.p50)}, p99 ${msText(spread.p99)}, max ${msText(spread.max)}`;
}
