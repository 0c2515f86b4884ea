import { convertEvent, type KubeObject } from '../../machinery/index.ts';
import type { TablePrinter } from '../contracts.ts';
import { since } from './age.ts';
import { column, NAME, wideColumn } from './table.ts';

interface Event extends KubeObject {
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  eventTime?: string | null;
  firstTimestamp?: string | null;
  lastTimestamp?: string | null;
  series?: { count?: number; lastObservedTime?: string };
  involvedObject?: { kind?: string; name?: string; fieldPath?: string };
  source?: { component?: string; host?: string };
  reportingComponent?: string;
  reportingInstance?: string;
}

/** Events of the core group and of events.k8s.io. */
export const eventPrinter: TablePrinter = {
  columns: [
    column('Last Seen', 'Time since it happened last.'),
    column('Type', 'Normal or Warning.'),
    column('Reason', 'What happened, in a word.'),
    column('Object', 'What it happened to.'),
    wideColumn('Subobject', 'The part of the object that it happened to.'),
    wideColumn('Source', 'Who reported it.'),
    column('Message', 'What happened.'),
    wideColumn('First Seen', 'Time since it happened first.'),
    wideColumn('Count', 'How often it happened.'),
    { ...NAME, priority: 1 },
  ],
  cells: (object, now) => {
    const event = convertEvent(object, 'v1') as Event;
    const { involvedObject, series } = event;
    const first = since(event.firstTimestamp ?? event.eventTime, now);
    const last = event.lastTimestamp ? since(event.lastTimestamp, now) : first;
    const kind = (involvedObject?.kind ?? '').toLowerCase();
    return [
      series ? since(series.lastObservedTime, now) : last,
      event.type ?? '',
      event.reason ?? '',
      involvedObject?.name ? `${kind}/${involvedObject.name}` : kind,
      involvedObject?.fieldPath ?? '',
      sourceText(event),
      (event.message ?? '').trim(),
      first,
      series ? (series.count ?? 0) : event.count || 1,
      event.metadata.name,
    ];
  },
};

function sourceText(event: Event): string {
  const component = event.source?.component || event.reportingComponent || '';
  const instance = event.source?.host || event.reportingInstance || '';
  return instance === '' ? component : `${component}, ${instance}`;
}
