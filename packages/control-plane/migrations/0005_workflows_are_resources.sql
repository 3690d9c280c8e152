-- Documents are resources of kind Workflow, on the one path of every change.
drop table workflow_definition;
