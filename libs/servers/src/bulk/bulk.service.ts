import { Injectable } from '@nestjs/common';
import {
  Access,
  AuditTrail,
  Conflict,
  describeError,
  ProblemError,
  type RequestContext,
  requireContext,
  runInContext,
  ValidationFailed,
} from '#core';
import { AuditEntries } from '../audit-entries.js';
import { ServersService } from '../servers.service.js';
import { MAX_TAGS, type UpdateServerDto } from '../servers.dto.js';
import type { BulkDto } from './bulk.dto.js';
import type { BulkItemView, BulkResultView } from './bulk.view.js';

/** One action on many servers. Each is a change of its own: with its own rights, its own outcome and its own entry in the audit log. */
@Injectable()
export class BulkService {
  constructor(
    private readonly servers: ServersService,
    private readonly access: Access,
    private readonly audit: AuditTrail,
  ) {}

  async run(input: BulkDto): Promise<BulkResultView> {
    refuseMissing(input);
    // who may write nowhere is refused at once, with an entry
    this.access.reach('servers:write');
    this.audit.describe({
      resource: { type: 'server', id: null, name: `${input.ids.length} servers` },
      after: { ...input },
    });
    const items: BulkItemView[] = [];
    const entries = new AuditEntries();
    for (const id of input.ids) items.push(await this.item(id, input, entries));
    await entries.written();
    return { items };
  }

  private item(id: string, input: BulkDto, entries: AuditEntries): Promise<BulkItemView> {
    const whole = requireContext();
    // a context of its own, so that what is said of this server ends up in an entry about this server
    const own: RequestContext = { ...whole, audit: { resource: { type: 'server', id } } };
    return runInContext(own, async () => {
      const action = input.action === 'delete' ? 'server.delete' : 'server.update';
      try {
        const changed = await this.apply(id, input);
        if (changed) entries.add(this.audit.record({ action, outcome: 'succeeded', status: 200, ...own.audit }));
        return { id, ok: true, changed };
      } catch (error) {
        if (!(error instanceof ProblemError) && describeError(error).code === 'internal_error') throw error;
        const { status, code, detail } = describeError(error);
        const { resource } = own.audit;
        const ended = { action, resource, status, detail };
        const isRefusal = status === 403 || status === 404;
        entries.add(isRefusal ? this.audit.refused(ended) : this.audit.record({ ...ended, outcome: 'failed' }));
        return { id, ok: false, problem: { status, code, detail } };
      }
    });
  }

  /** Does it to one server; whether that changed anything. Throws NotFound, Forbidden. */
  private async apply(id: string, input: BulkDto): Promise<boolean> {
    if (input.action === 'delete') {
      await this.servers.remove(id);
      return true;
    }
    const { changed } = await this.servers.change(id, (server) => changeOf(input, server.tags));
    return changed;
  }
}

/** The change that an action means for a server with these tags. */
function changeOf({ action, tags = [], environment, maintenance }: BulkDto, present: string[]): UpdateServerDto {
  switch (action) {
    case 'tag':
      return { tags: withinLimit([...new Set([...present, ...tags])]) };
    case 'untag':
      return { tags: present.filter((tag) => !tags.includes(tag)) };
    case 'environment':
      return { environment };
    default:
      return { maintenance };
  }
}

/** null is a value of `environment`: only its absence is a mistake. */
function refuseMissing({ action, environment }: BulkDto): void {
  if (action === 'environment' && environment === undefined)
    throw ValidationFailed.at('/environment', 'is required for this action');
}

function withinLimit(tags: string[]): string[] {
  if (tags.length > MAX_TAGS) throw new Conflict(`A server has at most ${MAX_TAGS} tags.`, { code: 'too_many_tags' });
  return tags;
}
