import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ALL_PERMISSIONS, ApiPage, Page, PageQuery, parseSort, SignedIn } from '#core';
import { PermissionView } from './permissions.view.js';

const SORTABLE = { name: 'name' };

@Controller('permissions')
@ApiTags('Roles')
export class PermissionsController {
  /** The permissions that roles can hold; sorted by `name`, `q` looks in name and description. */
  @Get()
  @SignedIn()
  @ApiPage(PermissionView)
  list(@Query() query: PageQuery): Page<PermissionView> {
    const direction = parseSort(query.sort, SORTABLE, 'name')[0]?.[1] === 'DESC' ? -1 : 1;
    const text = query.q?.toLowerCase() ?? '';
    const found = ALL_PERMISSIONS.map((name) => PermissionView.of(name))
      .filter(({ name, description }) => `${name} ${description}`.toLowerCase().includes(text))
      .sort((a, b) => (a.name < b.name ? -direction : direction));
    const start = (query.page - 1) * query.pageSize;
    return Page.of(found.slice(start, start + query.pageSize), found.length, query);
  }
}
