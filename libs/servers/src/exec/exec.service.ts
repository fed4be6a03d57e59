import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import {
  APP_CONFIG,
  type AppConfig,
  AuditTrail,
  STDOUT,
  type TerminalSession,
  ValidationFailed,
  WebSocketGateway,
} from '#core';
import { AS_ROOT, refuseFailure, refuseRestricted } from '../ssh/answers.js';
import { scriptCommand } from '../ssh/quote.js';
import { ConnectionBroke } from '../ssh/ssh-errors.js';
import { RemoteServers } from '../ssh/remote-servers.js';
import { RemoteShell } from '../ssh/remote-shell.js';
import type { ExecDto } from './exec.dto.js';
import type { ExecView, RebootView } from './exec.view.js';

const DEFAULT_TIMEOUT_SECONDS = 30;
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/**
 * `$1` is the directory, or nothing, `$2` the seconds; then come the words of the command. sshd delivers no signals to root's commands,
 * and a closed connection ends none: where there is a timeout program it ends what we no longer wait for.
 */
const RUN_SCRIPT =
  '[ -z "$1" ] || cd "$1" || exit 126; t=$2; shift 2; timeout -s KILL 9 true 2>/dev/null && exec timeout -s KILL "$t" "$@"; exec "$@"';
const REBOOT_SCRIPT = `${AS_ROOT}if command -v systemctl >/dev/null; then exec $S systemctl reboot; else exec $S reboot; fi`;

/** Commands and terminals on servers. */
@Injectable()
export class ExecService implements OnModuleInit {
  constructor(
    private readonly shell: RemoteShell,
    private readonly servers: RemoteServers,
    private readonly audit: AuditTrail,
    private readonly gateway: WebSocketGateway,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  onModuleInit(): void {
    this.gateway.register({
      path: 'servers/:id/exec',
      permission: 'servers:exec',
      scopeParam: 'id',
      action: 'server.terminal',
      open: (session) => this.terminal(session),
    });
  }

  /** Runs a command to its end, whatever its exit code. */
  async run(id: string, input: ExecDto): Promise<ExecView> {
    const system = await this.servers.reachable(id);
    const words = wordsOf(input);
    // arguments can hold secrets; the program's name says enough
    this.audit.describe({
      resource: { type: 'server', id, name: system.name },
      after: { command: input.command[0], user: input.user },
    });
    const seconds = input.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
    const command = scriptCommand(RUN_SCRIPT, input.workingDir ?? '', String(seconds + 1), ...words);
    const result = await this.shell.run(id, command, { timeoutMs: seconds * 1000 });
    refuseRestricted(result.stdout);
    return result;
  }

  /** Starts the machine again. The connection may break before it has answered: that is success too. */
  async reboot(id: string): Promise<RebootView> {
    const system = await this.servers.reachable(id);
    this.audit.describe({ resource: { type: 'server', id, name: system.name } });
    // a connection of before must not be taken for one that breaks because of this
    await this.shell.run(id, ':', { timeoutMs: this.config.upstreamTimeoutMs });
    try {
      const result = await this.shell.run(id, scriptCommand(REBOOT_SCRIPT), {
        timeoutMs: this.config.upstreamTimeoutMs,
      });
      refuseFailure(system, result, 'reboot');
    } catch (error) {
      if (!(error instanceof ConnectionBroke)) throw error;
    }
    this.shell.forget(id);
    return { changed: true };
  }

  private async terminal(session: TerminalSession): Promise<void> {
    const id = session.params['id'] ?? '';
    await this.servers.reachable(id);
    const { stream, resize, ended } = await this.shell.terminal(id, null, DEFAULT_SIZE);
    const hangUp = (): void => void stream.destroy();
    session.signal.addEventListener('abort', hangUp, { once: true });
    if (session.signal.aborted) return hangUp();
    session.onResize((size) => resize(size));
    session.onData((bytes) => {
      if (stream.write(bytes)) return;
      return new Promise<void>((resolve) => {
        const go = (): void => {
          stream.off('drain', go).off('close', go);
          resolve();
        };
        stream.on('drain', go).on('close', go);
      });
    });
    stream.on('data', (bytes: Buffer) => {
      stream.pause();
      void session.send(STDOUT, bytes).then(() => stream.resume());
    });
    const { exitCode } = await ended;
    session.exit(exitCode);
  }
}

function wordsOf({ command, environment, user }: ExecDto): string[] {
  const program = command[0] ?? '';
  const variables = Object.entries(environment ?? {}).map(([name, value]) => `${name}=${value}`);
  if (program === '' || program.startsWith('-')) throw ValidationFailed.at('/command/0', 'must be a program');
  if (program.includes('=')) throw ValidationFailed.at('/command/0', 'must not contain =');
  return [
    ...(user === undefined ? [] : ['sudo', '-n', '-u', user, '--']),
    ...(variables.length === 0 ? [] : ['env', ...variables]),
    ...command,
  ];
}
