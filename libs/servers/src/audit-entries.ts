/** Entries of the audit log that are being written: the log takes many at once for hardly more than one. */
export class AuditEntries {
  private readonly writing: Promise<void>[] = [];
  private failure: Error | null = null;

  add(entry: Promise<void>): void {
    this.writing.push(entry.catch((error: Error) => void (this.failure ??= error)));
  }

  /** Throws what the first one failed with. */
  async written(): Promise<void> {
    await Promise.all(this.writing);
    if (this.failure) throw this.failure;
  }
}
