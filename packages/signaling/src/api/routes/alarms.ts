import { z } from 'zod';
import type { Alarm } from '../../alarms/alarm-book.ts';
import type { Alarms } from '../../alarms/alarms.ts';
import { ALARM_RULES, runbookOf } from '../../alarms/rules.ts';
import { PageQuery, pageOf, paginate } from '../page.ts';
import { type ApiRoute, route } from '../route.ts';

export type AlarmRoutesOptions = { readonly alarms: Pick<Alarms, 'list' | 'rules' | 'unixMs'> };

const Severity = z.enum(['warning', 'critical']);
const Unit = z.enum(['ratio', 'bytes', 'count', 'seconds', 'bit/s']);
const Time = z.iso.datetime();

const AlarmShape = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    severity: Severity,
    state: z.enum(['pending', 'firing', 'resolved']),
    value: z.number(),
    threshold: z.number(),
    unit: Unit,
    pendingSince: Time,
    firingSince: Time.nullable(),
    resolvedAt: Time.nullable(),
    summary: z.string(),
    advice: z.string(),
    runbook: z.string(),
  })
  .meta({ id: 'Alarm' });

const RuleShape = z
  .strictObject({
    name: z.string(),
    enabled: z.boolean(),
    comparison: z.enum(['above', 'below']),
    threshold: z.number(),
    forSeconds: z.number(),
    unit: Unit,
    severity: Severity,
    scope: z.enum(['process', 'worker', 'path']),
    summary: z.string(),
    advice: z.string(),
  })
  .meta({ id: 'AlarmRule' });

/** `/v3/alarms…` */
export function alarmRoutes({ alarms }: AlarmRoutesOptions): ApiRoute[] {
  const shape = (alarm: Alarm): z.input<typeof AlarmShape> => {
    const { id, name, labels, state, value, threshold, detail } = alarm;
    const { severity, unit, summary, advice } = ALARM_RULES[name];
    const time = (ms: number | undefined) => (ms === undefined ? null : new Date(alarms.unixMs(ms)).toISOString());
    return {
      id,
      name,
      labels: { ...labels },
      severity,
      state,
      value,
      threshold,
      unit,
      pendingSince: new Date(alarms.unixMs(alarm.pendingSinceMs)).toISOString(),
      firingSince: time(alarm.firingSinceMs),
      resolvedAt: time(alarm.resolvedAtMs),
      summary: detail === undefined ? summary : `${summary}: ${detail}`,
      advice,
      runbook: runbookOf(name),
    };
  };
  return [
    route({
      method: 'get',
      path: '/v3/alarms',
      tag: 'Monitoring',
      summary: 'What is pending, firing, or was resolved within the last hour, the worst first',
      query: PageQuery,
      response: pageOf(AlarmShape),
      answer: ({ query }) => paginate(alarms.list().map(shape), query),
    }),
    route({
      method: 'get',
      path: '/v3/alarms/rules',
      tag: 'Monitoring',
      summary: 'Every rule with its threshold; paths may have others',
      response: z.strictObject({ items: z.array(RuleShape) }),
      answer: () => ({ items: alarms.rules().map(({ forKey: _, ...rule }) => rule) }),
    }),
  ];
}
