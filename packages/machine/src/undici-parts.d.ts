/** undici's own files, which its index takes together; they bring no types of their own. */
declare module 'undici/lib/api/index.js' {
  import type { Dispatcher } from 'undici'

  const api: {
    /** `this` is whom it is sent by. */
    request(
      this: Dispatcher,
      options: Dispatcher.RequestOptions & { origin: string },
    ): Promise<Dispatcher.ResponseData>
  }
  export default api
}
declare module 'undici/lib/dispatcher/dispatcher.js' {
  import { Dispatcher } from 'undici'
  export default Dispatcher
}
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici'
  export default Agent
}
declare module 'undici/lib/dispatcher/proxy-agent.js' {
  import { ProxyAgent } from 'undici'
  export default ProxyAgent
}
declare module 'undici/lib/global.js' {
  import type { getGlobalDispatcher, setGlobalDispatcher } from 'undici'

  const globals: {
    getGlobalDispatcher: typeof getGlobalDispatcher
    setGlobalDispatcher: typeof setGlobalDispatcher
  }
  export default globals
}
