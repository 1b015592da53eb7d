//! One suite for all backends.

mod breaks;
mod faults;
mod flow;
mod memory;
mod registers;
mod reload;
mod stepping;
mod syscalls;

use midstride_control::{Backend, Steps};

/// What a case is run with.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) backend: Backend,
    pub(crate) steps: Steps,
}

/// Makes a test of each case for each setup.
macro_rules! suite {
    ($($file:ident: $($case:ident)*;)*) => {
        suite!(@setup signal Signal Flag, $($file: $($case)*;)*);
        suite!(@setup signal_by_breakpoints Signal Breakpoints, $($file: $($case)*;)*);
        suite!(@setup ptrace Ptrace Flag, $($file: $($case)*;)*);
        suite!(@setup translated Translated Flag, $($file: $($case)*;)*);
    };
    (@setup $name:ident $backend:ident $steps:ident, $($file:ident: $($case:ident)*;)*) => {
        mod $name {
            use super::{Backend, Setup, Steps};

            const SETUP: Setup = Setup { backend: Backend::$backend, steps: Steps::$steps };

            $(mod $file {
                $(#[test]
                fn $case() {
                    super::super::$file::$case(super::SETUP);
                })*
            })*
        }
    };
}

suite! {
    breaks:
        a_breakpoint_stops_each_time_before_its_instruction
        the_first_instruction_can_have_a_breakpoint
        conditions_are_judged_at_the_breakpoint
        cleared_breakpoints_do_not_stop
        steps_stop_at_breakpoints
        a_breakpoint_can_be_set_while_the_program_runs
        a_breakpoint_on_a_trap_comes_before_the_trap
        breakpoints_on_every_kind_of_branch_let_it_work
        breakpoints_outlive_the_instruction
        ;
    faults:
        a_wild_access_is_reported_and_can_be_mended
        a_division_by_zero_is_reported
        undecodable_and_privileged_code_is_reported
        traps_are_reported_behind_the_instruction
        a_jump_into_nothing_is_reported_there
        a_jump_to_no_address_is_reported_at_the_jump
        data_is_not_executed
        a_wrecked_stack_pointer_is_survived
        a_stack_overflow_is_reported
        misalignment_is_reported_when_asked_for
        unmasked_float_exceptions_are_reported
        a_set_trap_flag_traps_behind_the_next_instruction
        high_registers_and_vectors_are_right_at_a_fault
        stores_to_its_own_code_are_reported
        ;
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
        calls_that_come_late_change_nothing
        ;
    memory:
        the_stack_is_there
        memory_that_is_not_there_is_told
        operands_relative_to_rip_keep_their_address
        far_operands_use_a_register_that_nobody_misses
        a_fault_through_a_borrowed_register_gives_it_back
        ;
    registers:
        every_general_register_goes_in_and_comes_out
        flags_go_in_and_come_out
        every_vector_register_goes_in_and_comes_out
        rounding_survives_empty_vector_registers
        ;
    reload:
        a_running_program_goes_on_in_the_new_one
        a_kept_instruction_is_where_it_was
        a_removed_instruction_goes_on_with_the_next_that_is_kept
        a_removed_instruction_without_successor_exits
        return_addresses_lead_to_the_new_program
        an_exit_that_got_an_edge_goes_on
        a_program_that_cannot_be_assembled_changes_nothing
        large_programs_are_replaced_while_they_run
        more_programs_than_are_remembered_can_be_loaded
        ;
    stepping:
        repeated_instructions_are_one_step
        the_flags_that_are_pushed_do_not_show_the_step
        stack_segment_loads_are_one_step
        branches_are_stepped_both_ways
        an_instruction_that_jumps_to_itself_is_stepped
        glue_between_chains_is_no_step
        islands_are_no_step
        a_trace_sees_every_step
        a_step_over_a_set_trap_flag_is_a_trap
        a_trace_shows_all_registers_and_can_be_ended
        code_outside_of_the_program_is_stepped
        a_point_inside_an_instruction_is_stepped
        ;
    syscalls:
        a_program_stops_in_front_of_a_system_call
        a_system_call_can_be_skipped
        system_calls_are_stepped
        system_calls_can_be_allowed
        calls_that_escape_are_refused
        the_end_of_the_process_is_survived
        blocking_all_signals_does_not_escape
        a_blocking_call_is_interrupted
        a_call_just_before_a_blocking_call_is_heard
        calls_of_32_bit_programs_show_their_own_arguments
        calls_of_32_bit_programs_change_rax_only
        calls_of_32_bit_programs_do_not_escape_either
        the_upper_half_of_a_number_hides_nothing
        sysenter_is_refused
        ;
}
