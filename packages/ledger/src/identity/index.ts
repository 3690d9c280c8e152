export { didKeyOf, newPrivateKey, parseDidKey } from './did-key.ts'
export { signText, verifyText } from './signed-text.ts'
