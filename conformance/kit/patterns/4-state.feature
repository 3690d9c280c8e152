Feature: State-based patterns
  Patterns 16 to 18, 39 and 40.

  Scenario Outline: WCP-16 Deferred Choice
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-16-deferred-choice
      version: '1.0.0'
    do:
      - offer: { listen: { to: { any: [ { with: { type: kit.agent } }, { with: { type: kit.timeout } } ] }, read: envelope } }
      - choose: { switch: [ { agent: { when: '${ .[0].type == "kit.agent" }', then: agent } }, { other: { then: manager } } ] }
      - agent: { set: { by: agent }, then: end }
      - manager: { set: { by: manager } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.<event>, data: {} }
    """
    Then the workflow should complete with output:
    """yaml
    { by: <by> }
    """

    Examples:
      | event   | by      |
      | agent   | agent   |
      | timeout | manager |

  Scenario: WCP-17 Interleaved Parallel Routing
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-17-interleaved-parallel-routing
      version: '1.0.0'
    do:
      - begin: { set: { done: [] } }
      - offer:
          listen:
            to:
              any:
                - { with: { type: kit.next, data: '${ .task == "a" }' } }
                - { with: { type: kit.next, data: '${ .task == "b" }' } }
                - { with: { type: kit.next, data: '${ .task == "c" }' } }
          export: { as: '${ { done: (($context.done // []) + [.[0].task]) } }' }
      - perform: { call: http, with: { method: post, endpoint: 'http://kit.example/{task}' }, input: { from: '.[0]' } }
      - more: { switch: [ { again: { when: '${ ($context.done | length) < 3 }', then: offer } }, { all: { then: end } } ] }
    """
    And given 'POST http://kit.example/a' answers:
    """yaml
    body: { a: true }
    """
    And given 'POST http://kit.example/b' answers:
    """yaml
    body: { b: true }
    """
    And given 'POST http://kit.example/c' answers:
    """yaml
    body: { c: true }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.next, data: { task: b } }
    """
    When the event is published:
    """yaml
    { id: '2', source: 'https://kit.example', type: kit.next, data: { task: a } }
    """
    When the event is published:
    """yaml
    { id: '3', source: 'https://kit.example', type: kit.next, data: { task: c } }
    """
    Then the workflow should complete
    And 'POST http://kit.example/a' should have been called 1 time
    And 'POST http://kit.example/b' should have been called 1 time
    And 'POST http://kit.example/c' should have been called 1 time
    And perform should run 3 times

  Scenario: WCP-18 Milestone
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-18-milestone
      version: '1.0.0'
    do:
      - while-open:
          listen: { to: { any: [ { with: { type: kit.change } } ], until: { one: { with: { type: kit.closed } } } } }
          foreach: { item: change, do: [ { accept: { call: http, with: { method: post, endpoint: 'http://kit.example/change' } } } ] }
      - closed: { listen: { to: { one: { with: { type: kit.end } } } } }
    """
    And given 'POST http://kit.example/change' answers:
    """yaml
    body: { change: true }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.change, data: {} }
    """
    When the event is published:
    """yaml
    { id: '2', source: 'https://kit.example', type: kit.closed, data: {} }
    """
    When the event is published:
    """yaml
    { id: '3', source: 'https://kit.example', type: kit.change, data: {} }
    """
    When the event is published:
    """yaml
    { id: '4', source: 'https://kit.example', type: kit.end, data: {} }
    """
    Then the workflow should complete
    And 'POST http://kit.example/change' should have been called 1 time

  Scenario: WCP-39 Critical Section
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-39-critical-section
      version: '1.0.0'
    do:
      - all:
          fork:
            branches:
              - section:
                  listen: { to: { any: [ { with: { type: kit.enter } } ], until: '${ length == 2 }' } }
                  foreach: { item: who, do: [ { enter: { call: http, with: { method: post, endpoint: 'http://kit.example/enter' } } }, { stay: { wait: { milliseconds: 10 } } }, { leave: { call: http, with: { method: post, endpoint: 'http://kit.example/leave' } } } ] }
              - a: { do: [ { askA: { emit: { event: { with: { source: 'https://kit.example', type: kit.enter, data: { who: a } } } } } } ] }
              - b: { do: [ { askB: { emit: { event: { with: { source: 'https://kit.example', type: kit.enter, data: { who: b } } } } } } ] }
    """
    And given 'POST http://kit.example/enter' answers:
    """yaml
    body: { enter: true }
    """
    And given 'POST http://kit.example/leave' answers:
    """yaml
    body: { leave: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/enter' should have been called 2 times
    And 'POST http://kit.example/leave' should have been called 2 times
    And leave should run last
    And leave should run 2 times

  Scenario Outline: WCP-40 Interleaved Routing
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-40-interleaved-routing
      version: '1.0.0'
    do:
      - offer:
          listen: { to: { any: [ { with: { type: kit.next } } ], until: '${ (map(.task) | unique | length) == 2 }' } }
          foreach: { item: next, do: [ { perform: { call: http, with: { method: post, endpoint: '${ "http://kit.example/" + $next.task }' } } } ] }
    """
    And given 'POST http://kit.example/a' answers:
    """yaml
    body: { a: true }
    """
    And given 'POST http://kit.example/b' answers:
    """yaml
    body: { b: true }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.next, data: { task: <first> } }
    - { id: '2', source: 'https://kit.example', type: kit.next, data: { task: <second> } }
    """
    Then the workflow should complete
    And 'POST http://kit.example/a' should have been called 1 time
    And 'POST http://kit.example/b' should have been called 1 time

    Examples:
      | first | second |
      | a     | b      |
      | b     | a      |
