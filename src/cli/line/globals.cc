#include "cli/line/globals.h"

namespace phoenix::cli {
namespace {

Flag with_letter(Flag flag, char letter) {
  flag.letter = letter;
  return flag;
}

// A call that may take no time at all never gets an answer.
Flag request_timeout_flag(Globals* globals) {
  Flag flag = duration_flag("--request-timeout", "30s", &globals->request_timeout,
                            "longest time for one call to a host");
  flag.set = [set = flag.set, into = &globals->request_timeout](std::string_view text) {
    Complaint complaint = set(text);
    if (!complaint && into->ns == 0) complaint = "0s is too short for any call; write 30s";
    return complaint;
  };
  return flag;
}

}  // namespace

std::vector<Flag> global_flags(Globals* globals) {
  Flag url = list_flag("--url", "URL,…", &globals->urls,
                       "hosts, tried in order (PHOENIX_URL; else ./.phoenixflight/address.json)");
  url.greedy = false;  // a word after it may be a verb or an id
  return {
      std::move(url),
      text_flag("--token", "TOKEN", &globals->token, "bearer token (PHOENIX_TOKEN)"),
      text_flag("--token-file", "FILE", &globals->token_file, "file that holds the token"),
      text_flag("--ca-file", "FILE", &globals->ca_file,
                "authorities to trust with https, PEM (PHOENIX_CA_FILE)"),
      with_letter(text_flag("--namespace", "NS", &globals->name_space,
                            "namespace (PHOENIX_NAMESPACE); * in lists: all"),
                  'n'),
      with_letter(choice_flag("--output", {"table", "wide", "json", "yaml", "name"},
                              &globals->output, "how the answer is printed"),
                  'o'),
      request_timeout_flag(globals),
      switch_flag("--no-color", &globals->no_color, "no colours (NO_COLOR)"),
      with_letter(switch_flag("--quiet", &globals->quiet, "no progress, no remarks"), 'q'),
      with_letter(switch_flag("--verbose", &globals->verbose, "name each call on stderr"), 'v'),
      with_letter(switch_flag("--help", &globals->help, "this page"), 'h'),
  };
}

}  // namespace phoenix::cli
