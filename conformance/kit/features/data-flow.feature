Feature: Data flow
  What goes into a task, what comes out of it, and what is kept beside it.

  Scenario: Input from filters what the workflow gets
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: input-from-filters-what-the-workflow-gets
      version: '1.0.0'
    input: { from: .order }
    do:
      - see: { set: { seen: '${ . }' } }
    """
    And given the workflow input is:
    """yaml
    { order: { id: 7 }, other: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { seen: { id: 7 } }
    """

  Scenario: Input from filters what one task gets
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: input-from-filters-what-one-task-gets
      version: '1.0.0'
    do:
      - see: { input: { from: .order }, set: { seen: '${ . }' } }
    """
    And given the workflow input is:
    """yaml
    { order: { id: 7 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { seen: { id: 7 } }
    """

  Scenario: Input from may build a new value
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: input-from-may-build-a-new-value
      version: '1.0.0'
    do:
      - see: { input: { from: '${ { n: (.a + .b) } }' }, set: { seen: '${ .n }' } }
    """
    And given the workflow input is:
    """yaml
    { a: 1, b: 2 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { seen: 3 }
    """

  Scenario: Output as filters what a task puts out
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: output-as-filters-what-a-task-puts-out
      version: '1.0.0'
    do:
      - make: { set: { a: 1, b: 2 }, output: { as: .b } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    2
    """

  Scenario: Output as of the workflow is the last word
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: output-as-of-the-workflow-is-the-last-word
      version: '1.0.0'
    do:
      - make: { set: { a: 1, b: 2 } }
    output: { as: '${ { sum: (.a + .b) } }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: 3 }
    """

  Scenario: Export as makes the context, which later tasks see
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: export-as-makes-the-context-which-later-tasks-see
      version: '1.0.0'
    do:
      - keep: { set: { secretly: 5 }, export: { as: '${ { kept: .secretly } }' } }
      - other: { set: { n: 1 } }
      - see: { set: { n: '${ $context.kept }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 5 }
    """

  Scenario: Export may add to the context
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: export-may-add-to-the-context
      version: '1.0.0'
    do:
      - one: { set: { v: 1 }, export: { as: '${ $context + { one: .v } }' } }
      - two: { set: { v: 2 }, export: { as: '${ $context + { two: .v } }' } }
      - see: { set: { all: '${ $context }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { all: { one: 1, two: 2 } }
    """

  Scenario: A task sees the raw input of its workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-task-sees-the-raw-input-of-its-workflow
      version: '1.0.0'
    do:
      - change: { set: { changed: true } }
      - see: { set: { was: '${ $workflow.input.n }' } }
    """
    And given the workflow input is:
    """yaml
    { n: 4 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { was: 4 }
    """

  Scenario: A task sees its own name and place
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-task-sees-its-own-name-and-place
      version: '1.0.0'
    do:
      - tell: { set: { name: '${ $task.name }', at: '${ $task.reference }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { name: tell, at: /do/0/tell }
    """

  Scenario: A task sees the document that it is in
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: self
      version: '1.0.0'
    do:
      - tell: { set: { name: '${ $workflow.definition.document.name }', version: '${ $workflow.definition.document.version }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { name: self, version: '1.0.0' }
    """

  Scenario: A task sees which runtime runs it
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-task-sees-which-runtime-runs-it
      version: '1.0.0'
    do:
      - tell: { set: { isText: '${ $runtime.name | type == "string" }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { isText: true }
    """

  Scenario: Output as sees the task input as $input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: output-as-sees-the-task-input-as-input
      version: '1.0.0'
    do:
      - make: { set: { n: 2 }, output: { as: '${ { before: $input.n, after: .n } }' } }
    """
    And given the workflow input is:
    """yaml
    { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { before: 1, after: 2 }
    """

  Scenario Outline: An input that <fits> its schema
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-input-that-x-its-schema
      version: '1.0.0'
    input:
      schema:
        document: { type: object, required: [n], properties: { n: { type: integer, minimum: 1 } } }
    do:
      - see: { set: { ok: true } }
    """
    And given the workflow input is:
    """yaml
    { n: <n> }
    """
    When the workflow is executed
    Then the workflow should <end>

    Examples:
      | n    | fits         | end      |
      | 3    | fits         | complete |
      | 0    | does not fit | fault    |
      | text | does not fit | fault    |

  Scenario: An input that does not fit is a validation error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-input-that-does-not-fit-is-a-validation-error
      version: '1.0.0'
    input: { schema: { document: { type: object, required: [n] } } }
    do:
      - see: { set: { ok: true } }
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/dsl/errors/types/validation
    status: 400
    """
    And see should not run

  Scenario: A task output that does not fit its schema is a validation error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-task-output-that-does-not-fit-its-schema-is-a-va
      version: '1.0.0'
    do:
      - make: { set: { n: text }, output: { schema: { document: { type: object, properties: { n: { type: number } } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/dsl/errors/types/validation
    status: 400
    instance: /do/0/make
    """

  Scenario: A context that does not fit its schema is a validation error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-context-that-does-not-fit-its-schema-is-a-valida
      version: '1.0.0'
    do:
      - make: { set: { n: 1 }, export: { as: '${ . }', schema: { document: { type: object, required: [m] } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/dsl/errors/types/validation
    status: 400
    """

  Scenario: A task input that does not fit keeps the task from running
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-task-input-that-does-not-fit-keeps-the-task-from
      version: '1.0.0'
    do:
      - see: { input: { schema: { document: { type: array } } }, set: { ok: true } }
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should fault

  Scenario Outline: Output need not be an object: <value>
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: output-need-not-be-an-object-x
      version: '1.0.0'
    do:
      - make: { set: { v: <value> }, output: { as: .v } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    <value>
    """

    Examples:
      | value  |
      | 7      |
      | text   |
      | [1, 2] |
      | false  |
      | null   |
