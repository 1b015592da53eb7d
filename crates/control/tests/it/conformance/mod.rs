//! One suite for all backends.

mod flow;
mod registers;

/// Makes a test of each case for each backend.
macro_rules! suite {
    ($($file:ident: $($case:ident)*;)*) => {
        suite!(@backend signal Signal, $($file: $($case)*;)*);
        suite!(@backend ptrace Ptrace, $($file: $($case)*;)*);
        suite!(@backend translated Translated, $($file: $($case)*;)*);
    };
    (@backend $name:ident $backend:ident, $($file:ident: $($case:ident)*;)*) => {
        mod $name {
            $(mod $file {
                $(#[test]
                fn $case() {
                    super::super::$file::$case(midstride_control::Backend::$backend);
                })*
            })*
        }
    };
}

suite! {
    flow:
        a_program_runs_to_its_end
        a_branch_without_target_is_an_exit
        loops_run_until_their_condition_fails
        counted_branches_count
        calls_return
        indirect_branches_find_their_targets
        steps_count_instructions
        a_stopped_program_goes_on
        nothing_runs_from_nowhere
        an_endless_loop_is_interrupted
        a_cancelled_program_is_nowhere
        a_controller_can_be_dropped_while_its_program_runs
        ;
    registers:
        every_general_register_goes_in_and_comes_out
        flags_go_in_and_come_out
        every_vector_register_goes_in_and_comes_out
        ;
}
