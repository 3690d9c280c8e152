Feature: For
  A list, item by item.

  Scenario: Each item in its turn, under its own name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: each-item-in-its-turn-under-its-own-name
      version: '1.0.0'
    do:
      - init: { set: { numbers: '${ . }', said: [] } }
      - loop:
          for: { each: number, in: '.numbers', at: place }
          do:
            - say:
                set:
                  numbers: '${ .numbers }'
                  said: '${ .said + [ { n: $number, at: $place } ] }'
    """
    And given the workflow input is:
    """yaml
    [5, 7]
    """
    When the workflow is executed
    Then the workflow output should have a 'said' property with value:
    """yaml
    [ { n: 5, at: 0 }, { n: 7, at: 1 } ]
    """

  Scenario: Without names the item is $item and its place $index
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: without-names-the-item-is-item-and-its-place-index
      version: '1.0.0'
    do:
      - loop:
          for: { in: '.list' }
          do:
            - keep: { set: { list: '${ .list }', last: '${ [ $index, $item ] }' } }
    """
    And given the workflow input is:
    """yaml
    { list: [a, b] }
    """
    When the workflow is executed
    Then the workflow output should have a 'last' property with value:
    """yaml
    [ 1, b ]
    """

  Scenario: An empty list leaves the input as it is
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-empty-list-leaves-the-input-as-it-is
      version: '1.0.0'
    do:
      - loop:
          for: { in: '.list' }
          do:
            - never: { set: { n: 1 } }
    """
    And given the workflow input is:
    """yaml
    { list: [] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { list: [] }
    """
    And never should not run

  Scenario: While ends the loop before the item for which it does not hold
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: while-ends-the-loop-before-the-item-for-which-it-d
      version: '1.0.0'
    do:
      - init: { set: { list: '${ .list }', sum: 0 } }
      - loop:
          for: { each: n, in: '.list' }
          while: '${ .sum < 5 }'
          do:
            - add: { set: { list: '${ .list }', sum: '${ .sum + $n }' } }
    """
    And given the workflow input is:
    """yaml
    { list: [1, 2, 3, 4] }
    """
    When the workflow is executed
    Then the workflow output should have a 'sum' property with value:
    """yaml
    6
    """
    And add should run 3 times

  Scenario: The list is taken once, whatever the body does
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-list-is-taken-once-whatever-the-body-does
      version: '1.0.0'
    do:
      - loop:
          for: { each: n, in: '.list' }
          do:
            - cut: { set: { list: [], count: '${ (.count // 0) + 1 }' } }
    """
    And given the workflow input is:
    """yaml
    { list: [1, 2, 3] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { list: [], count: 3 }
    """

  Scenario: Loops nest, and inner names hide outer ones
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: loops-nest-and-inner-names-hide-outer-ones
      version: '1.0.0'
    do:
      - init: { set: { rows: '${ . }', seen: [] } }
      - outer:
          for: { each: row, in: '.rows' }
          do:
            - inner:
                for: { each: cell, in: '$row' }
                do:
                  - see: { set: { rows: '${ .rows }', seen: '${ .seen + [$cell] }' } }
    """
    And given the workflow input is:
    """yaml
    [[1, 2], [3]]
    """
    When the workflow is executed
    Then the workflow output should have a 'seen' property with value:
    """yaml
    [1, 2, 3]
    """

  Scenario: What is no list is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: what-is-no-list-is-an-error
      version: '1.0.0'
    do:
      - loop:
          for: { in: '.list' }
          do:
            - never: { set: { n: 1 } }
    """
    And given the workflow input is:
    """yaml
    { list: 7 }
    """
    When the workflow is executed
    Then the workflow should fault
    And never should not run

  Scenario: Exit in the body ends that turn
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: exit-in-the-body-ends-that-turn
      version: '1.0.0'
    do:
      - init: { set: { list: '${ . }', n: 0 } }
      - loop:
          for: { each: i, in: '.list' }
          do:
            - add: { set: { list: '${ .list }', n: '${ .n + $i }' }, then: exit }
            - never: { set: { n: 99 } }
    """
    And given the workflow input is:
    """yaml
    [1, 2, 3]
    """
    When the workflow is executed
    Then the workflow output should have a 'n' property with value:
    """yaml
    6
    """
    And never should not run
