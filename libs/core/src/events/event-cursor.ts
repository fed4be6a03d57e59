/** Numbers that were skipped are waited for this long: their transactions may still be running, or were rolled back. */
const HOLE_MS = 5 * 60_000;
/** Of a jump larger than this only the newest numbers are waited for: the sequence was moved, not used. */
const MAX_JUMP = 1_000;
/** Holes that a cursor names in its text. */
const MAX_WRITTEN = 50;
const TEXT = /^\d{1,15}(\.\d{1,15}){0,50}$/;

/**
 * How far a reader of events has come. Events are numbered when they are written and seen when their transaction commits, so
 * numbers come out of order: besides the highest one seen, the cursor knows which below it have not been.
 */
export class EventCursor {
  private readonly holes = new Map<number, number>();

  constructor(private highest: number) {}

  /** Reads a cursor as `toString` wrote it; null when it isn't one. */
  static parse(text: string): EventCursor | null {
    if (!TEXT.test(text)) return null;
    const [highest = 0, ...holes] = text.split('.').map(Number);
    const cursor = new EventCursor(highest);
    for (const hole of holes) if (hole < highest) cursor.holes.set(hole, Date.now());
    return cursor;
  }

  /** The highest number seen. */
  get position(): number {
    return this.highest;
  }

  /** Numbers below `position` that may still come. */
  missing(now = Date.now()): number[] {
    for (const [id, since] of this.holes) if (now - since > HOLE_MS) this.holes.delete(id);
    return [...this.holes.keys()];
  }

  /** Notes that an event was seen. False when it had been before. */
  see(id: number, now = Date.now()): boolean {
    if (id <= this.highest) return this.holes.delete(id);
    for (let hole = Math.max(this.highest + 1, id - MAX_JUMP); hole < id; hole++) this.holes.set(hole, now);
    this.highest = id;
    return true;
  }

  /** `<highest>` or `<highest>.<hole>.<hole>…`: what a client keeps to go on later, and what the database keeps between readers. */
  toString(): string {
    return [this.highest, ...this.missing().slice(-MAX_WRITTEN)].join('.');
  }
}
