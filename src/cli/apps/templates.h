// The apps that `phoenix new` makes, as files within the program. The build makes the table of what
// stands in templates/.
#pragma once

#include <string_view>
#include <vector>

namespace phoenix::apps {

struct TemplateFile {
  std::string_view app;   // "basic"
  std::string_view path;  // "agents/{{NAME}}-agent.yaml"
  std::string_view text;  // {{NAME}} and {{NAMESPACE}} are to be filled in, in paths too
};

// By app, then by path.
const std::vector<TemplateFile>& template_files();

}  // namespace phoenix::apps
