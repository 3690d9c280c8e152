export { assertPublicUrl, isForbiddenAddress, publicLookup } from './address-guard.ts'
export type { ScanJob, ScanResult } from './scan-job.ts'
export { Scanner } from './scanner.ts'
export { awsCredentialsOf, signAws } from './sign-aws.ts'
