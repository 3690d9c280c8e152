export type { SignedFile } from './bundle.ts'
export { signModel } from './sign-model.ts'
export {
  fingerprintOf,
  type ModelSignatureVerdict,
  verifyModelSignature,
} from './verify-model-signature.ts'
