export { assertPublicUrl, isForbiddenAddress, publicLookup } from './address-guard.ts'
export { awsCredentialsOf, signAws } from './sign-aws.ts'
