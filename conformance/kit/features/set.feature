Feature: Set
  What `set` puts out, and what it leaves as it was.

  Scenario: A literal object is the output
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-literal-object-is-the-output
      version: '1.0.0'
    do:
      - shape: { set: { kind: circle, radius: 2, tags: [a, b], nothing: null } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { kind: circle, radius: 2, tags: [a, b], nothing: null }
    """

  Scenario: The output of set replaces its input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-output-of-set-replaces-its-input
      version: '1.0.0'
    do:
      - one: { set: { a: 1 } }
      - two: { set: { b: 2 } }
    """
    And given the workflow input is:
    """yaml
    { c: 3 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { b: 2 }
    """

  Scenario: An expression may build the whole object
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-expression-may-build-the-whole-object
      version: '1.0.0'
    do:
      - whole: { set: '${ { sum: (.a + .b) } }' }
    """
    And given the workflow input is:
    """yaml
    { a: 1, b: 2 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: 3 }
    """

  Scenario: Expressions are evaluated at any depth
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: expressions-are-evaluated-at-any-depth
      version: '1.0.0'
    do:
      - deep:
          set:
            list: [ '${ .a }', { inner: '${ .b }' } ]
    """
    And given the workflow input is:
    """yaml
    { a: 1, b: x }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { list: [1, { inner: x }] }
    """

  Scenario Outline: A value keeps its type: <value>
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-value-keeps-its-type-x
      version: '1.0.0'
    do:
      - keep: { set: { v: '${ .v }' } }
    """
    And given the workflow input is:
    """yaml
    { v: <value> }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { v: <value> }
    """

    Examples:
      | value |
      | true  |
      | 0     |
      | -1.5  |
      | text  |
      | null  |
      | []    |
      | {}    |

  Scenario: Text around an expression is not an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: text-around-an-expression-is-not-an-expression
      version: '1.0.0'
    do:
      - text: { set: { v: 'a ${ .a } b' } }
    """
    And given the workflow input is:
    """yaml
    { a: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { v: 'a ${ .a } b' }
    """

  Scenario: Keys with odd characters are kept
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: keys-with-odd-characters-are-kept
      version: '1.0.0'
    do:
      - odd: { set: { 'a b': 1, 'c.d': 2, '': 3 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { 'a b': 1, 'c.d': 2, '': 3 }
    """

  Scenario: An expression that errs is an expression error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-expression-that-errs-is-an-expression-error
      version: '1.0.0'
    do:
      - bad: { set: { v: '${ .a + {} }' } }
    """
    And given the workflow input is:
    """yaml
    { a: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/dsl/errors/types/expression
    status: 400
    """
