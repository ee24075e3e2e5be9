//! The scripts, each with the shared part in front and the log's head behind its answer.

use redis::ScriptInvocation;

/// A script with its name, under which its time is counted.
pub(crate) struct Script {
    pub(crate) name: &'static str,
    script: redis::Script,
}

impl Script {
    pub(crate) fn prepare_invoke(&self) -> ScriptInvocation<'_> {
        self.script.prepare_invoke()
    }
}

/// One script per change of facts; see the header of each file for keys, arguments, answers.
pub(crate) struct Scripts {
    pub(crate) first_answer: Script,
    pub(crate) init_store: Script,
    pub(crate) place_order: Script,
    pub(crate) route_order: Script,
    pub(crate) move_ticket: Script,
    pub(crate) confirm_ticket: Script,
    pub(crate) acknowledge_ticket: Script,
    pub(crate) escalate_ticket: Script,
    pub(crate) begin_print: Script,
    pub(crate) end_print: Script,
    pub(crate) close_order: Script,
    pub(crate) move_stock: Script,
    pub(crate) hand_over: Script,
    pub(crate) bury_job: Script,
    pub(crate) retry_job: Script,
    pub(crate) discard_job: Script,
    pub(crate) switch_queue: Script,
    pub(crate) activate_menu: Script,
    pub(crate) refuse_menu: Script,
    pub(crate) configure_site: Script,
    pub(crate) switch_site: Script,
    pub(crate) call_staff: Script,
    pub(crate) answer_call: Script,
    pub(crate) settle_command: Script,
    pub(crate) pair_device: Script,
    pub(crate) revoke_device: Script,
    pub(crate) tell_session: Script,
    pub(crate) begin_try: Script,
    pub(crate) start_epoch: Script,
    pub(crate) trim_log: Script,
}

macro_rules! script {
    ($name:literal) => {
        Script {
            name: $name,
            script: redis::Script::new(concat!(
                include_str!("scripts/lib.lua"),
                "\nlocal function step()\n",
                include_str!(concat!("scripts/", $name, ".lua")),
                "\nend\nreturn with_head(step())\n"
            )),
        }
    };
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            first_answer: script!("first_answer"),
            init_store: script!("init_store"),
            place_order: script!("place_order"),
            route_order: script!("route_order"),
            move_ticket: script!("move_ticket"),
            confirm_ticket: script!("confirm_ticket"),
            acknowledge_ticket: script!("acknowledge_ticket"),
            escalate_ticket: script!("escalate_ticket"),
            begin_print: script!("begin_print"),
            end_print: script!("end_print"),
            close_order: script!("close_order"),
            move_stock: script!("move_stock"),
            hand_over: script!("hand_over"),
            bury_job: script!("bury_job"),
            retry_job: script!("retry_job"),
            discard_job: script!("discard_job"),
            switch_queue: script!("switch_queue"),
            activate_menu: script!("activate_menu"),
            refuse_menu: script!("refuse_menu"),
            configure_site: script!("configure_site"),
            switch_site: script!("switch_site"),
            call_staff: script!("call_staff"),
            answer_call: script!("answer_call"),
            settle_command: script!("settle_command"),
            pair_device: script!("pair_device"),
            revoke_device: script!("revoke_device"),
            tell_session: script!("tell_session"),
            begin_try: script!("begin_try"),
            start_epoch: script!("start_epoch"),
            trim_log: script!("trim_log"),
        }
    }
}
