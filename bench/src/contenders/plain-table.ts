/** The table that the other contenders write: one with a unique message id, all that a natural solution has. */
export const plainTable = `
  CREATE TABLE logins (
    message_id uuid PRIMARY KEY,
    user_id varchar(128), device_type varchar(32), masked_ip varchar(256), masked_device_id varchar(256),
    locale varchar(32), app_version integer, create_date date
  );
  GRANT SELECT, INSERT ON logins TO maskline_writer`;
