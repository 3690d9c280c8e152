export { parseDocuments, readDocuments, readResources, type SourceDocument } from './documents.ts'
export { type GatewayOptions, gatewayAway, gatewayOf } from './gateway-of.ts'
export { giveWorkflowKey } from './give-workflow-key.ts'
export { heedProxies } from './heed-proxies.ts'
export {
  approvalDid,
  approvalKey,
  clientOf,
  type HomeContext,
  type HomeOptions,
  homeFolder,
  loadContext,
  publicPem,
  publisherKey,
  readPrivateKey,
  saveContext,
  saySilence,
  writePrivate,
} from './home.ts'
export { LogTail } from './log-tail.ts'
export {
  formatAge,
  formatTable,
  heedReaders,
  print,
  printJson,
  type Row,
  serveOn,
} from './output.ts'
export { replaceFile, unwritable } from './replace-file.ts'
export { type Part, type RunningPart, runPart } from './supervisor.ts'
export { takeHome } from './take-home.ts'
