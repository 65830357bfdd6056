#include <fmt/format.h>

#include <memory>

#include "cli/apps/app_commands.h"
#include "cli/audit/certificate_command.h"
#include "cli/audit/ticket_command.h"
#include "cli/audit/verify_command.h"
#include "cli/bundle/bundle_commands.h"
#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/import/import_command.h"
#include "cli/keys/key_commands.h"
#include "cli/keys/root_commands.h"
#include "cli/line/help.h"
#include "cli/policy/policy_commands.h"
#include "cli/store/store_commands.h"
#include "cli/version.h"

namespace phoenix::cli {
namespace {

int print_completion(Context& context, const std::string& shell) {
  if (shell != "bash" && shell != "zsh" && shell != "fish") {
    return context.out.report(wrong_use(fmt::format("no completion for \"{}\"", shell), "",
                                        "there is one for bash, zsh and fish"));
  }
  Globals shape;
  context.out.print(completion_script(shell, context.table, global_flags(&shape)));
  return kExitDone;
}

int print_version(Context& context) {
  Json document = Json::object();
  document.set("version", Json::string(kVersion)).set("api", Json::string(kApiVersion));
  print_answer(context, std::move(document), std::string(kVersion),
               fmt::format("phoenix {} (api {})", kVersion, kApiVersion));
  return kExitDone;
}

}  // namespace

void add_other_commands(std::vector<Command>& table) {
  const auto shell = std::make_shared<std::vector<std::string>>();
  Command completion;
  completion.path = "completion";
  completion.summary = "a completion script for bash, zsh or fish";
  completion.usage = "bash|zsh|fish";
  completion.example = "source <(phoenix completion bash)";
  completion.words_name = "SHELL";
  completion.words_min = completion.words_max = 1;
  completion.words = shell.get();
  completion.run = [shell](Context& context) { return print_completion(context, shell->front()); };
  table.push_back(std::move(completion));

  Command version;
  version.path = "version";
  version.summary = "the version of this program";
  version.example = "phoenix version -o json";
  version.run = print_version;
  table.push_back(std::move(version));
}

std::vector<Command> all_commands() {
  std::vector<Command> table;
  add_serve_commands(table);
  add_app_new(table);
  add_validate(table);
  add_app_apply(table);
#ifdef PHOENIX_DEMO
  add_app_run(table);
#endif
  add_run_commands(table);
  add_status_command(table);
  add_packet_submit(table);
  add_packet_reads(table);
  add_packet_changes(table);
  add_member_commands(table);
  add_host_commands(table);
  add_ring_commands(table);
  add_audit_commands(table);
  add_store_commands(table);
  add_audit_verify(table);
  add_ticket_verify(table);
  add_audit_certificate(table);
  add_key_commands(table);
  add_root_commands(table);
  add_policy_commands(table);
  add_approval_commands(table);
  add_app_policies(table);
  add_policy_replay(table);
  add_contract_commands(table);
  add_build_command(table);
  add_emit_commands(table);
  add_bundle_commands(table);
  add_import(table);
  add_other_commands(table);
  return table;
}

}  // namespace phoenix::cli
