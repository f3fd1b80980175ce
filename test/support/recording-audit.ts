import type { Audit, AuditEvent } from '../../src/core/audit.js';

/** Remembers what was recorded, for a test to look at. */
export class RecordingAudit implements Audit {
  readonly events: AuditEvent[] = [];

  record(event: AuditEvent): void {
    this.events.push(event);
  }
}
