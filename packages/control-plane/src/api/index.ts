export { errorCodes } from './answer.ts'
export { makeApp } from './app.ts'
export { openapi } from './openapi.ts'
export type { ApiPorts } from './ports.ts'
