export type { FacePorts } from './exchange.ts'
export { answerRequest } from './gateway-face.ts'
export { Metrics } from './metrics.ts'
export { RecentRequests } from './recent-requests.ts'
