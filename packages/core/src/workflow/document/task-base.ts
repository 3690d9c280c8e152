// Task base
//
// What every task may say, whatever its type.

import { z } from 'zod'
import { contextExport, input, output, timeout } from './resource.ts'

export const taskBase = {
  if: z.string().optional(),
  input: input.optional(),
  output: output.optional(),
  export: contextExport.optional(),
  timeout: z.union([timeout, z.string()]).optional(),
  /** `continue`, `exit`, `end`, or the name of a task of the same list. */
  then: z.string().optional(),
  metadata: z.record(z.string(), z.json()).optional(),
}
