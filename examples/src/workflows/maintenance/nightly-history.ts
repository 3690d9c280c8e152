// Nightly history
//
// What the pumps sounded like on one day, gathered once for whoever learns from it: the asset `pump-history`, a partition for each day.

import { defineWorkflow, http, jq } from '@tutti/sdk/workflow'
import { tried } from '../tried.ts'

export const nightlyHistory = defineWorkflow({
  namespace: 'plant',
  name: 'nightly-history',
  version: '1.0.0',
  title: 'How the pumps sounded on one day',
  partition: { by: 'day' },
})
  .step(
    'gather',
    tried(
      'history',
      http(
        { method: 'get', endpoint: jq`$workflow.input.plant + "/history"` },
        { asset: { name: 'pump-history' } },
      ),
    ),
  )
  .build()
