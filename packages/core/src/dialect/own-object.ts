// Own object
//
// An object whose members callers, models or tools named: it goes on as it is, and not as a copy. Zod's records leave
// out a member `__proto__`.

import { z } from 'zod'
import { isObject, type JsonObject } from './json.ts'

export const ownObject = z.custom<JsonObject>(isObject, 'expected an object')
