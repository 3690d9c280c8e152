@extension
Feature: Map
  `call: tutti.map`: tasks for each item, many at the same time.

  Scenario: Outputs stand in the order of the items
    Given the workflow input is:
    """yaml
    { numbers: [ 3, 1, 2 ] }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: outputs-stand-in-the-order-of-the-items
      version: '1.0.0'
    do:
      - double:
          call: tutti.map
          with:
            in: '${ .numbers }'
            do: [ { twice: { set: '${ . * 2 }' } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 6, 2, 4 ]
    """

  Scenario: Item and index have names
    Given the workflow input is:
    """yaml
    { words: [ a, b ] }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: item-and-index-have-names
      version: '1.0.0'
    do:
      - name:
          call: tutti.map
          with:
            in: '${ .words }'
            each: word
            at: place
            do: [ { said: { set: '${ "\($place)\($word)" }' } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ '0a', '1b' ]
    """

  Scenario: No items are no outputs
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: no-items-are-no-outputs
      version: '1.0.0'
    do:
      - none:
          call: tutti.map
          with:
            in: '${ [] }'
            do: [ { never: { set: { n: 1 } } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """
    And never should not run

  Scenario: One item that fails is the failure of the task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: one-item-that-fails-is-the-failure-of-the-task
      version: '1.0.0'
    do:
      - all:
          call: tutti.map
          with:
            in: '${ [1, 2, 3] }'
            do: [ { check: { if: '${ . == 2 }', raise: { error: { type: 'https://kit.example/errors/two', status: 422 } } } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: 'https://kit.example/errors/two', status: 422 }
    """

  Scenario: As many failures as are allowed leave their error in their place
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: as-many-failures-as-are-allowed-leave-their-erro
      version: '1.0.0'
    do:
      - all:
          call: tutti.map
          with:
            in: '${ [1, 2, 3] }'
            failuresMax: 1
            do: [ { check: { if: '${ . == 2 }', raise: { error: { type: 'https://kit.example/errors/two', status: 422 } } } } ]
      - seen: { set: '${ [.[0], .[1].error.status, .[2]] }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 1, 422, 3 ]
    """

  Scenario: No more than so many items are under way at the same time
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: no-more-than-so-many-items-are-under-way-at-the
      version: '1.0.0'
    do:
      - all:
          call: tutti.map
          with:
            in: '${ [1, 2, 3] }'
            maxConcurrency: 1
            do:
              - begin: { set: '${ . }' }
              - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
    """
    When the workflow is executed
    Then the workflow should wait
    And begin should run 1 times
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.go, data: {} }
    """
    Then begin should run 2 times

  Scenario: Items that were done are not done again after a restart
    Given 'POST http://kit.example/item' answers:
    """yaml
    { body: { ok: true } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: items-that-were-done-are-not-done-again-after-a
      version: '1.0.0'
    do:
      - all:
          call: tutti.map
          with:
            in: '${ [1, 2] }'
            do: [ { item: { call: http, with: { method: post, endpoint: 'http://kit.example/item', body: '${ . }' } } } ]
      - hear: { listen: { to: { one: { with: { type: kit.go } } } } }
      - end: { set: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the runtime is restarted
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.go, data: {} }
    """
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """
    And 'POST http://kit.example/item' should have been called 2 times
