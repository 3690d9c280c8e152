Feature: Multiple instances
  Patterns 12 to 15, 26 and 27, 34 to 36. Instances side by side are `tutti.map`, or workflows of their own.

  Scenario: WCP-12 Multiple Instances without Synchronization
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: instance
      version: '1.0.0'
    do:
      - work: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } }
      - tell: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-12-multiple-instances-without-synchronization
      version: '1.0.0'
    do:
      - begin:
          for: { each: n, in: '[1, 2, 3]' }
          do: [ { instance: { run: { await: false, workflow: { namespace: kit, name: instance, version: '1.0.0', input: {} } } } } ]
      - on: { set: { went: on } }
    """
    And given 'POST http://kit.example/work' answers:
    """yaml
    body: { work: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { went: on }
    """
    And 'POST http://kit.example/work' should have been called 3 times

  Scenario: WCP-13 Multiple Instances with a Priori Design-Time Knowledge
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-13-multiple-instances-with-a-priori-design-tim
      version: '1.0.0'
    do:
      - three: { call: tutti.map, with: { in: '${ ["a", "b", "c"] }', do: [ { work: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } } } ] } }
      - joined: { set: { count: '${ length }' } }
    """
    And given 'POST http://kit.example/work' answers:
    """yaml
    body: { work: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { count: 3 }
    """
    And 'POST http://kit.example/work' should have been called 3 times

  Scenario: WCP-14 Multiple Instances with a Priori Run-Time Knowledge
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-14-multiple-instances-with-a-priori-run-time-k
      version: '1.0.0'
    do:
      - all: { call: tutti.map, with: { in: '${ .list }', do: [ { work: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } } } ] } }
      - joined: { set: { count: '${ length }' } }
    """
    And given the workflow input is:
    """yaml
    { list: [1, 2, 3, 4] }
    """
    And given 'POST http://kit.example/work' answers:
    """yaml
    body: { work: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { count: 4 }
    """
    And 'POST http://kit.example/work' should have been called 4 times

  Scenario: WCP-15 Multiple Instances without a Priori Run-Time Knowledge
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-15-multiple-instances-without-a-priori-run-tim
      version: '1.0.0'
    do:
      - all:
          listen: { to: { any: [ { with: { type: kit.more } } ], until: '${ any(.last?) }' } }
          foreach: { item: order, do: [ { work: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } } } ] }
      - joined: { set: { done: true } }
    """
    And given 'POST http://kit.example/work' answers:
    """yaml
    body: { work: true }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.more, data: { n: 1 } }
    - { id: '2', source: 'https://kit.example', type: kit.more, data: { n: 2 } }
    - { id: '3', source: 'https://kit.example', type: kit.more, data: { n: 3, last: true } }
    """
    Then the workflow should complete with output:
    """yaml
    { done: true }
    """
    And 'POST http://kit.example/work' should have been called 3 times

  Scenario: WCP-26 Cancel Multiple Instance Activity
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-26-cancel-multiple-instance-activity
      version: '1.0.0'
    do:
      - region:
          fork:
            compete: true
            branches:
              - all: { call: tutti.map, with: { in: '${ [1, 2, 3] }', do: [ { nap: { wait: { seconds: 60 } } }, { work: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } } } ] } }
              - stop: { listen: { to: { one: { with: { type: kit.cancel } } } } }
      - on: { set: { went: on } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.cancel, data: {} }
    """
    Then the workflow should complete with output:
    """yaml
    { went: on }
    """
    And 'POST http://kit.example/work' should have been called 0 times

  Scenario: WCP-27 Complete Multiple Instance Activity
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-27-complete-multiple-instance-activity
      version: '1.0.0'
    do:
      - begin: { set: { list: [1, 2, 3] }, export: { as: '${ { done: [] } }' } }
      - region:
          fork:
            compete: true
            branches:
              - all:
                  call: tutti.map
                  with:
                    in: '${ .list }'
                    each: n
                    do:
                      - nap: { wait: '${ if $n < 3 then "PT0.005S" else "PT60S" end }' }
                      - work: { set: { n: '${ $n }' }, export: { as: '${ { done: ($context.done + [.n]) } }' } }
              - enough: { listen: { to: { one: { with: { type: kit.complete } } } } }
      - on: { set: { done: '${ $context.done | sort }' } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.never, data: {} }
    """
    Then the workflow should wait
    When the event is published:
    """yaml
    { id: '2', source: 'https://kit.example', type: kit.complete, data: {} }
    """
    Then the workflow should complete

  Scenario: WCP-34 Static Partial Join for Multiple Instances
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: instance
      version: '1.0.0'
    do:
      - work: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } }
      - tell: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-34-static-partial-join-for-multiple-instances
      version: '1.0.0'
    do:
      - join:
          fork:
            branches:
              - some: { do: [ { hear: { listen: { to: { any: [ { with: { type: kit.done } } ], until: '${ length == 2 }' } } } }, { follow: { call: http, with: { method: post, endpoint: 'http://kit.example/follow' } } } ] }
              - begin:
                  for: { each: n, in: '[1, 2, 3]' }
                  do: [ { instance: { run: { await: false, workflow: { namespace: kit, name: instance, version: '1.0.0', input: {} } } } } ]
    """
    And given 'POST http://kit.example/follow' answers:
    """yaml
    body: { follow: true }
    """
    And given 'POST http://kit.example/work' answers:
    """yaml
    body: { work: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/follow' should have been called 1 time
    And 'POST http://kit.example/work' should have been called 3 times

  Scenario: WCP-35 Cancelling Partial Join for Multiple Instances
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-35-cancelling-partial-join-for-multiple-instan
      version: '1.0.0'
    do:
      - join:
          fork:
            compete: true
            branches:
              - enough: { listen: { to: { any: [ { with: { type: kit.done } } ], until: '${ length == 2 }' } } }
              - all: { call: tutti.map, with: { in: '${ [1, 2, 3] }', each: n, do: [ { nap: { wait: '${ if $n < 3 then "PT0.005S" else "PT60S" end }' } }, { work: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } } }, { tell: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } } } ] } }
      - follow: { call: http, with: { method: post, endpoint: 'http://kit.example/follow' } }
    """
    And given 'POST http://kit.example/follow' answers:
    """yaml
    body: { follow: true }
    """
    And given 'POST http://kit.example/work' answers:
    """yaml
    body: { work: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/follow' should have been called 1 time
    And 'POST http://kit.example/work' should have been called 2 times

  Scenario: WCP-36 Dynamic Partial Join for Multiple Instances
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-36-dynamic-partial-join-for-multiple-instances
      version: '1.0.0'
    do:
      - join:
          listen: { to: { any: [ { with: { type: kit.result } } ], until: '${ (map(.score) | add) >= 10 }' } }
          foreach: { item: result, do: [ { work: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } } } ] }
      - follow: { call: http, with: { method: post, endpoint: 'http://kit.example/follow' } }
    """
    And given 'POST http://kit.example/follow' answers:
    """yaml
    body: { follow: true }
    """
    And given 'POST http://kit.example/work' answers:
    """yaml
    body: { work: true }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.result, data: { score: 3 } }
    - { id: '2', source: 'https://kit.example', type: kit.result, data: { score: 4 } }
    """
    Then the workflow should wait
    When the event is published:
    """yaml
    { id: '3', source: 'https://kit.example', type: kit.result, data: { score: 5 } }
    """
    Then the workflow should complete
    And 'POST http://kit.example/follow' should have been called 1 time
    And 'POST http://kit.example/work' should have been called 3 times
