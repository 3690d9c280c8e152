export {
  type Digest,
  didKey,
  digest,
  dnsName,
  type Labels,
  labels,
  type Selector,
  selector,
  selects,
} from './name.ts'
