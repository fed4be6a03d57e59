import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Brackets, DataSource, type EntityManager, Repository } from 'typeorm';
import { AuditTrail, Conflict, fetchPage, likeText, NotFound, type Page } from '#core';
import { Escalation } from '../access/escalation.js';
import { lockRow } from '../access/versions.js';
import { CallerCache } from '../caller/caller-cache.js';
import { Grant } from '../grants/grant.entity.js';
import { permissionsOf, Role } from './role.entity.js';
import { RoleView } from './role.view.js';
import type { CreateRoleDto, RoleListQuery, UpdateRoleDto } from './roles.dto.js';

const SORTABLE = { name: 'r.name', createdAt: 'r.createdAt', updatedAt: 'r.updatedAt' };

/** Roles: who changes one changes the rights of all who hold it. */
@Injectable()
export class RolesService {
  constructor(
    @InjectRepository(Role) private readonly roles: Repository<Role>,
    private readonly dataSource: DataSource,
    private readonly escalation: Escalation,
    private readonly audit: AuditTrail,
    private readonly callers: CallerCache,
  ) {}

  list(query: RoleListQuery): Promise<Page<RoleView>> {
    const builder = this.roles.createQueryBuilder('r');
    if (query.builtIn !== undefined) builder.andWhere('r.builtIn = :builtIn', { builtIn: query.builtIn === 'true' });
    if (query.q) {
      const text = { text: likeText(query.q) };
      builder.andWhere(
        new Brackets((where) => where.where('r.name ILIKE :text', text).orWhere('r.description ILIKE :text', text)),
      );
    }
    return fetchPage(builder, query, SORTABLE, 'name', (role) => RoleView.of(role));
  }

  async get(id: string): Promise<RoleView> {
    return RoleView.of(await this.find(id));
  }

  /** Throws Forbidden when it would hold what the caller doesn't hold on everything. */
  async create({ name, description, permissions }: CreateRoleDto): Promise<RoleView> {
    const id = randomUUID();
    this.audit.describe({ resource: { type: 'role', id, name } });
    await this.escalation.assertCoversEverywhere(permissions);
    await this.roles.insert({ id, name, description: description ?? '', storedPermissions: permissions });
    this.audit.describe({ after: { name, description: description ?? '', permissions } });
    return this.get(id);
  }

  /** What is added must be held by the caller, and everything in it when somebody holds the role. */
  async update(id: string, input: UpdateRoleDto, version?: number): Promise<RoleView> {
    const known = await this.changeable(id);
    const held = permissionsOf(known);
    const added = (input.permissions ?? []).filter((permission) => !held.includes(permission));
    await this.escalation.assertCoversEverywhere((await this.isGranted(id)) ? [...held, ...added] : added);
    const after = await this.dataSource.transaction(async (manager) => {
      const role = await lockRow(manager, Role, 'role', id, version);
      this.refuseChangedMeanwhile(known, role);
      const before = facts(role);
      if (input.name !== undefined) role.name = input.name;
      if (input.description !== undefined) role.description = input.description ?? '';
      if (input.permissions !== undefined) role.storedPermissions = input.permissions;
      role.version++;
      this.audit.describe({ before, after: facts(role) });
      return manager.save(role);
    });
    await this.callers.forgetAll();
    return RoleView.of(after);
  }

  /** Throws Conflict while a grant names it. */
  async remove(id: string, version?: number): Promise<void> {
    await this.changeable(id);
    await this.dataSource.transaction(async (manager) => {
      const role = await lockRow(manager, Role, 'role', id, version);
      if (await this.isGranted(id, manager))
        throw new Conflict(`The role ${role.name} is granted; remove its grants first.`);
      this.audit.describe({ before: facts(role) });
      await manager.delete(Role, { id });
    });
  }

  private async changeable(id: string): Promise<Role> {
    const role = await this.find(id);
    this.audit.describe({ resource: { type: 'role', id, name: role.name } });
    if (role.builtIn) throw new Conflict(`The role ${role.name} is built in and can't be changed.`);
    return role;
  }

  /** The check of rights was made for the role as it was read: another change in between could have slipped more into it. */
  private refuseChangedMeanwhile(checked: Role, now: Role): void {
    if (checked.version !== now.version) throw new Conflict('The role was changed at the same time. Try again.');
  }

  private async find(id: string): Promise<Role> {
    const role = await this.roles.findOneBy({ id });
    if (!role) throw new NotFound('role', id);
    return role;
  }

  private isGranted(roleId: string, manager: EntityManager = this.dataSource.manager): Promise<boolean> {
    return manager.existsBy(Grant, { roleId });
  }
}

function facts({ name, description, storedPermissions }: Role): object {
  return { name, description, permissions: [...storedPermissions] };
}
