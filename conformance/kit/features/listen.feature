Feature: Listen
  Events that a workflow waits for.

  Scenario: One event of a type
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: one-event-of-a-type
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a } } } } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { n: 1 } ]
    """

  Scenario: An event of another type is not heard
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-event-of-another-type-is-not-heard
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a } } } } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.b, data: {} }
    """
    Then the workflow should wait

  Scenario: A filter may ask for several attributes
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-filter-may-ask-for-several-attributes
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a, source: 'https://right.example' } } } } }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://wrong.example', type: kit.a, data: { n: 1 } }
    - { id: '2', source: 'https://right.example', type: kit.a, data: { n: 2 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { n: 2 } ]
    """

  Scenario: A filter may be an expression on the event
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-filter-may-be-an-expression-on-the-event
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a, data: '${ .n > 1 }' } } } } }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    - { id: '2', source: 'https://kit.example', type: kit.a, data: { n: 2 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { n: 2 } ]
    """

  Scenario: All of several events, in any order
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: all-of-several-events-in-any-order
      version: '1.0.0'
    do:
      - hear: { listen: { to: { all: [ { with: { type: kit.a } }, { with: { type: kit.b } } ] } } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '2', source: 'https://kit.example', type: kit.b, data: { n: 2 } }
    """
    Then the workflow should wait
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    """
    Then the workflow should complete

  Scenario: Any of several events is enough
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: any-of-several-events-is-enough
      version: '1.0.0'
    do:
      - hear: { listen: { to: { any: [ { with: { type: kit.a } }, { with: { type: kit.b } } ] } } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.b, data: { n: 2 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { n: 2 } ]
    """

  Scenario: Any until a condition holds takes many
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: any-until-a-condition-holds-takes-many
      version: '1.0.0'
    do:
      - hear: { listen: { to: { any: [ { with: { type: kit.a } } ], until: '${ length == 3 }' } } }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    - { id: '2', source: 'https://kit.example', type: kit.a, data: { n: 2 } }
    - { id: '3', source: 'https://kit.example', type: kit.a, data: { n: 3 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { n: 1 }, { n: 2 }, { n: 3 } ]
    """

  Scenario: Any until another event comes
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: any-until-another-event-comes
      version: '1.0.0'
    do:
      - hear:
          listen:
            to:
              any: [ { with: { type: kit.a } } ]
              until: { one: { with: { type: kit.stop } } }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    - { id: '2', source: 'https://kit.example', type: kit.a, data: { n: 2 } }
    - { id: '3', source: 'https://kit.example', type: kit.stop, data: {} }
    """
    Then the workflow should complete with output:
    """yaml
    [ { n: 1 }, { n: 2 } ]
    """

  Scenario: An event that came before is not heard
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-event-that-came-before-is-not-heard
      version: '1.0.0'
    do:
      - nap: { wait: { milliseconds: 40 } }
      - hear: { listen: { to: { one: { with: { type: kit.a } } } } }
    """
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.a, data: {} }
    """
    When the workflow is executed
    Then the workflow should wait

  Scenario: The same event twice counts once
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-same-event-twice-counts-once
      version: '1.0.0'
    do:
      - hear: { listen: { to: { any: [ { with: { type: kit.a } } ], until: '${ length == 2 }' } } }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.a, data: {} }
    - { id: '1', source: 'https://kit.example', type: kit.a, data: {} }
    """
    Then the workflow should wait

  Scenario Outline: Read <read> gives <what>
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: read-x-gives-x
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a } } }, read: <read> }, output: { as: '<as>' } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    """
    Then the workflow should complete with output:
    """yaml
    <what>
    """

    Examples:
      | read     | as          | what  |
      | data     | .[0].n      | 1     |
      | envelope | .[0].type   | kit.a |
      | envelope | .[0].data.n | 1     |

  Scenario: Events are correlated by a value of theirs
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: events-are-correlated-by-a-value-of-theirs
      version: '1.0.0'
    do:
      - hear:
          listen:
            to:
              all:
                - { with: { type: kit.a }, correlate: { order: { from: .data.order } } }
                - { with: { type: kit.b }, correlate: { order: { from: .data.order } } }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.a, data: { order: 1 } }
    - { id: '2', source: 'https://kit.example', type: kit.b, data: { order: 2 } }
    """
    Then the workflow should wait
    When the event is published:
    """yaml
    { id: '3', source: 'https://kit.example', type: kit.b, data: { order: 1 } }
    """
    Then the workflow should complete

  Scenario: A correlation may expect a value
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-correlation-may-expect-a-value
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a }, correlate: { order: { from: .data.order, expect: '7' } } } } } }
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.a, data: { order: "6" } }
    - { id: '2', source: 'https://kit.example', type: kit.a, data: { order: "7" } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { order: "7" } ]
    """

  Scenario: Foreach does its tasks for every event
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: foreach-does-its-tasks-for-every-event
      version: '1.0.0'
    do:
      - hear:
          listen: { to: { any: [ { with: { type: kit.a } } ], until: '${ length == 2 }' } }
          foreach:
            item: event
            do:
              - tell: { call: http, with: { method: post, endpoint: 'http://kit.example/heard', body: '${ $event }' } }
    """
    And given 'POST http://kit.example/heard' answers:
    """yaml
    body: {}
    """
    When the workflow is executed
    When the events are published:
    """yaml
    - { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    - { id: '2', source: 'https://kit.example', type: kit.a, data: { n: 2 } }
    """
    Then the workflow should complete
    And 'POST http://kit.example/heard' should have been called 2 times

  Scenario: One event wakes every workflow that listens
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: other
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a } } } } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: one-event-wakes-every-workflow-that-listens
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a } } } } }
    """
    When the workflow is executed
    When the workflow 'other' is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { n: 1 } ]
    """
    And the workflow 'other' should complete with output:
    """yaml
    [ { n: 1 } ]
    """
