// Says in OpenAPI what the schemas say in zod, so that the document cannot differ from what is checked.

import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiDefaultResponse, ApiOperation, ApiParam, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import { endpointId, problemView, roleName } from './schemas.js';

type SchemaObject = Exclude<Extract<Parameters<typeof ApiBody>[0], { schema: unknown }>['schema'], { $ref: string }>;

export interface OperationSpec {
  readonly summary: string;
  readonly params?: readonly ('id' | 'role')[];
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly status: number;
  readonly answer?: z.ZodType;
}

const params = {
  id: ApiParam({ name: 'id', description: 'The endpoint', schema: toSchema(endpointId, 'input') }),
  role: ApiParam({ name: 'role', description: 'The role', schema: toSchema(roleName, 'input') }),
};

export function Operation({
  summary,
  params: names = [],
  query,
  body,
  status,
  answer,
}: OperationSpec): MethodDecorator {
  return applyDecorators(
    ApiOperation({ summary }),
    ...names.map((name) => params[name]),
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) =>
      ApiQuery({ name, required: false, schema: toSchema(schema as z.ZodType, 'input') }),
    ),
    ...(body ? [ApiBody({ schema: toSchema(body, 'input') })] : []),
    ApiResponse({ status, description: 'Done', ...(answer ? { schema: toSchema(answer, 'output') } : {}) }),
    ApiDefaultResponse({ description: 'Why it was not done', schema: toSchema(problemView, 'output') }),
  );
}

function toSchema(schema: z.ZodType, io: 'input' | 'output'): SchemaObject {
  return z.toJSONSchema(schema, { io, target: 'openapi-3.0' }) as SchemaObject;
}
