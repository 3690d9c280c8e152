export { answerRequest, type FacePorts } from './gateway-face.ts'
export { Metrics } from './metrics.ts'
export { RecentRequests } from './recent-requests.ts'
