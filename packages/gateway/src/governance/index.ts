export { providerGuard } from './address-guard.ts'
export { Scanner } from './scanner.ts'
export { awsCredentialsOf, signAws } from './sign-aws.ts'
