import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { invalidRequest } from './problem.js';

/** Nest pipe: takes what was sent to what the schema says, or answers 400. A missing body counts as an empty one. */
export function validate<Schema extends z.ZodType>(schema: Schema): PipeTransform<unknown, z.output<Schema>> {
  return {
    transform(value) {
      const result = schema.safeParse(value ?? {});
      if (!result.success) throw invalidRequest(result.error.issues);
      return result.data;
    },
  };
}
